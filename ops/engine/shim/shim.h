// What the package calls of PJRT's C API, as go-xla's pjrt_c_api.h has it: TestLayouts compares
// the places and sizes of all fields, and the places of the functions in the table.
//
// A caller says with struct_size which fields it knows, so that later versions of the API, which
// only add fields behind, are called alike.
#ifndef SHIM_H
#define SHIM_H

#include <stddef.h>
#include <stdint.h>

#define SHIM_HEADER size_t struct_size; void *extension_start

typedef struct {
	SHIM_HEADER;
	struct { SHIM_HEADER; int major_version, minor_version; } pjrt_api_version;
	void *(*f[])(void *args); // each gives an error, NULL for none
} shim_api;

// Places of functions in the table.
enum {
	SHIM_Error_Destroy = 0,
	SHIM_Error_Message = 1,
	SHIM_Event_Destroy = 5,
	SHIM_Event_Await = 8,
	SHIM_Client_Create = 10,
	SHIM_Client_PlatformVersion = 14,
	SHIM_Client_AddressableDevices = 16,
	SHIM_Client_Compile = 20,
	SHIM_DeviceDescription_Kind = 26,
	SHIM_Device_GetDescription = 29,
	SHIM_Executable_Destroy = 40,
	SHIM_Executable_OptimizedProgram = 48,
	SHIM_Executable_Serialize = 49,
	SHIM_LoadedExecutable_GetExecutable = 51,
	SHIM_LoadedExecutable_Execute = 55,
	SHIM_Executable_DeserializeAndLoad = 56,
	SHIM_LAST = SHIM_Executable_DeserializeAndLoad,
	// of plugins that compile for a device which is not there
	SHIM_TopologyDescription_Create = 82,
	SHIM_TopologyDescription_Destroy = 83,
	SHIM_Compile = 89,
	SHIM_Executable_GetCompiledMemoryStats = 96,
};

typedef struct { SHIM_HEADER; void *error; } shim_error_destroy;
typedef struct {
	SHIM_HEADER;
	void *error;
	const char *message;
	size_t message_size;
} shim_error_message;
typedef struct { SHIM_HEADER; void *executable; } shim_executable_destroy;

typedef struct { SHIM_HEADER; void *event; } shim_event_destroy;
typedef struct { SHIM_HEADER; void *event; } shim_event_await;

typedef struct {
	SHIM_HEADER;
	void *executable;
	void *options;
	void *const *const *argument_lists;
	size_t num_devices;
	size_t num_args;
	void **const *output_lists;
	void **device_complete_events;
	void *execute_device;
} shim_execute;

typedef struct {
	SHIM_HEADER;
	char *code;
	size_t code_size;
	const char *format;
	size_t format_size;
} shim_program;

typedef struct {
	SHIM_HEADER;
	void *client;
	const shim_program *program;
	const char *compile_options;
	size_t compile_options_size;
	void *executable;
} shim_compile;

typedef struct {
	SHIM_HEADER;
	void *loaded_executable;
	void *executable;
} shim_get_executable;

typedef struct {
	SHIM_HEADER;
	const void *executable;
	const char *serialized_bytes;
	size_t serialized_bytes_size;
	void *serialized_executable;
	void (*serialized_executable_deleter)(void *);
} shim_serialize;

typedef struct {
	SHIM_HEADER;
	void *client;
	const char *serialized_executable;
	size_t serialized_executable_size;
	void *loaded_executable;
	const char *overridden_serialized_compile_options;
	size_t overridden_serialized_compile_options_size;
} shim_load;

typedef struct {
	SHIM_HEADER;
	void *client;
	const char *platform_version;
	size_t platform_version_size;
} shim_platform_version;

typedef struct {
	SHIM_HEADER;
	void *client;
	void *const *addressable_devices;
	size_t num_addressable_devices;
} shim_devices;

typedef struct {
	SHIM_HEADER;
	void *device;
	void *device_description;
} shim_description;

typedef struct {
	SHIM_HEADER;
	void *device_description;
	const char *device_kind;
	size_t device_kind_size;
} shim_kind;

typedef struct { SHIM_HEADER; void *executable; shim_program *program; } shim_optimized;

// of which the value is a text
typedef struct {
	SHIM_HEADER;
	const char *name;
	size_t name_size;
	int type;
	const char *string_value;
	size_t value_size;
} shim_named_value;

typedef struct {
	SHIM_HEADER;
	const shim_named_value *create_options;
	size_t num_options;
	void *kv_get_callback;
	void *kv_get_user_arg;
	void *kv_put_callback;
	void *kv_put_user_arg;
	void *client;
	void *kv_try_get_callback;
	void *kv_try_get_user_arg;
} shim_create;

typedef struct {
	SHIM_HEADER;
	const char *topology_name;
	size_t topology_name_size;
	const shim_named_value *create_options;
	size_t num_options;
	void *topology;
} shim_topology;

typedef struct { SHIM_HEADER; void *topology; } shim_topology_destroy;

typedef struct {
	SHIM_HEADER;
	const void *topology;
	const shim_program *program;
	const char *compile_options;
	size_t compile_options_size;
	void *client;
	void *executable;
} shim_compile_for;

typedef struct {
	SHIM_HEADER;
	void *executable;
	int64_t generated_code_size_in_bytes;
	int64_t argument_size_in_bytes;
	int64_t output_size_in_bytes;
	int64_t alias_size_in_bytes;
	int64_t temp_size_in_bytes;
	int64_t host_generated_code_size_in_bytes;
	int64_t host_argument_size_in_bytes;
	int64_t host_output_size_in_bytes;
	int64_t host_alias_size_in_bytes;
	int64_t host_temp_size_in_bytes;
	int64_t peak_memory_in_bytes;
	int64_t total_size_in_bytes;
	int64_t total_allocation_bytes;
	int64_t indefinite_allocations;
	int64_t peak_unpadded_heap_bytes;
} shim_memory;

// SHIM_SIZE is a struct's size up to its last field.
#define SHIM_SIZE(type, last) (offsetof(type, last) + sizeof(((type *)0)->last))

enum { SHIM_SLOTS = 4 }; // plugins that a process may load

// What shim_made says a program was compiled by and for; the texts are the client's.
typedef struct {
	const char *version, *kind;
	size_t version_size, kind_size, devices;
} shim_made;

const char *shim_open(int slot, const char *path, int stands_in, shim_api **table);
void shim_enter(uintptr_t call);
int shim_describe(int slot, void *client, shim_made *made);
void *shim_compile_anew(int slot, shim_compile *args);
int shim_serialize_loaded(int slot, void *loaded, shim_serialize *args);
void shim_free_serialized(shim_serialize *args);
void *shim_load_bytes(int slot, void *client, const char *bytes, size_t size);
char *shim_read_loaded(int slot, void *loaded, size_t *size);
char *shim_compile_absent(int slot, shim_named_value options[2], shim_compile_for *args,
		shim_memory *memory, shim_serialize *program);
void shim_run(void);
void *shim_ran(int *slot);
void shim_await(int slot, void *event);

#endif
