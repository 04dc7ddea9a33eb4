#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include "_cgo_export.h"
#include "shim.h"

static const shim_api *plugins[SHIM_SLOTS];

// What the thread calls a plugin for: a handle of Go's, 0 for nothing of ours.
static __thread uintptr_t call;

void shim_enter(uintptr_t of) { call = of; }

// SHIM_NEW begins the arguments of a call.
#define SHIM_NEW(type, last) SHIM_SIZE(type, last), NULL

// check frees an error; it says whether there was none.
static int check(int slot, void *error) {
	if (!error) return 1;
	shim_error_destroy args = {SHIM_NEW(shim_error_destroy, error), error};
	((void (*)(void *))plugins[slot]->f[SHIM_Error_Destroy])(&args);
	return 0;
}

// well calls a function and says whether it went well.
static int well(int slot, int function, void *args) {
	return check(slot, plugins[slot]->f[function](args));
}

// reason is the text of an error, which is freed; free frees the text.
static char *reason(int slot, void *error) {
	shim_error_message args = {SHIM_NEW(shim_error_message, message_size), error};
	((void (*)(void *))plugins[slot]->f[SHIM_Error_Message])(&args);
	char *text = strndup(args.message, args.message_size);
	check(slot, error);
	return text ? text : strdup("no memory for what is wrong");
}

static void *compile(int slot, shim_compile *args) {
	return call ? shimCompile(call, slot, args) : shim_compile_anew(slot, args);
}

// The run of the thread that goes on when Execute returns: whether there is one, its event, and the
// plugin's slot.
static __thread struct { int wanted, slot; void *event; } run;

void shim_run(void) { run.wanted = 1; run.event = NULL; }

// shim_ran gives the event that shim_await waits for, NULL where the run has ended or failed.
void *shim_ran(int *slot) {
	run.wanted = 0;
	*slot = run.slot;
	return run.event;
}

void shim_await(int slot, void *event) {
	shim_event_await await = {SHIM_NEW(shim_event_await, event), event};
	well(slot, SHIM_Event_Await, &await); // who reads the outputs hears what went wrong
	shim_event_destroy destroy = {SHIM_NEW(shim_event_destroy, event), event};
	well(slot, SHIM_Event_Destroy, &destroy);
}

// execute keeps the event of a run from go-xla, which waits for those that it finds in args.
static void *execute(int slot, shim_execute *args) {
	void *error = plugins[slot]->f[SHIM_LoadedExecutable_Execute](args);
	if (!error && run.wanted && args->num_devices == 1 && args->device_complete_events) {
		run.slot = slot;
		run.event = args->device_complete_events[0];
		args->device_complete_events = NULL;
	}
	return error;
}

// create opens a client of a plugin that stands in for one of GPUs, without the option that go-xla
// gives those.
static void *create(int slot, shim_create *args) {
	shim_create without = *args;
	shim_named_value options[args->num_options + 1];
	without.num_options = 0;
	for (size_t i = 0; i < args->num_options; i++) {
		shim_named_value option = args->create_options[i];
		if (option.name_size != 11 || memcmp(option.name, "preallocate", 11))
			options[without.num_options++] = option;
	}
	without.create_options = options;
	void *error = plugins[slot]->f[SHIM_Client_Create](&without);
	args->client = without.client;
	return error;
}

// A function of a table is given nothing that says which table it is of, so that each slot has
// functions of its own.
#define SLOT(n) \
	static void *create_##n(void *args) { return create(n, args); } \
	static void *compile_##n(void *args) { return compile(n, args); } \
	static void *execute_##n(void *args) { return execute(n, args); }
SLOT(0) SLOT(1) SLOT(2) SLOT(3)
static void *(*const creates[SHIM_SLOTS])(void *) = {create_0, create_1, create_2, create_3};
static void *(*const compiles[SHIM_SLOTS])(void *) = {compile_0, compile_1, compile_2, compile_3};
static void *(*const executes[SHIM_SLOTS])(void *) = {execute_0, execute_1, execute_2, execute_3};

// shim_open loads a plugin and makes a copy of its table with functions of ours in it; it gives the
// reason where it cannot.
const char *shim_open(int slot, const char *path, int stands_in, shim_api **table) {
	void *lib = dlopen(path, RTLD_LAZY | RTLD_LOCAL);
	if (!lib) return dlerror();
	const shim_api *(*get)(void) = (const shim_api *(*)(void))dlsym(lib, "GetPjrtApi");
	const shim_api *api = get ? get() : NULL;
	if (!api) return "no table of functions in it: not a PJRT plugin";
	if (api->struct_size < offsetof(shim_api, f) + (SHIM_LAST + 1) * sizeof(api->f[0]))
		return "its table of functions is too short";
	// Functions behind the table's end, which go-xla might look for, are NULL.
	shim_api *copy = calloc(1, api->struct_size + 4096);
	if (!copy) return "no memory for its table of functions";
	memcpy(copy, api, api->struct_size);
	if (stands_in) copy->f[SHIM_Client_Create] = creates[slot];
	copy->f[SHIM_Client_Compile] = compiles[slot];
	copy->f[SHIM_LoadedExecutable_Execute] = executes[slot];
	plugins[slot] = api;
	*table = copy;
	return NULL;
}

void *shim_compile_anew(int slot, shim_compile *args) {
	return plugins[slot]->f[SHIM_Client_Compile](args);
}

// shim_describe says what a client compiles by and for; 0 where the plugin does not say.
int shim_describe(int slot, void *client, shim_made *made) {
	shim_platform_version version = {SHIM_NEW(shim_platform_version, platform_version_size), client};
	shim_devices devices = {SHIM_NEW(shim_devices, num_addressable_devices), client};
	if (!well(slot, SHIM_Client_PlatformVersion, &version)) return 0;
	if (!well(slot, SHIM_Client_AddressableDevices, &devices)) return 0;
	if (devices.num_addressable_devices == 0) return 0;
	shim_description device = {SHIM_NEW(shim_description, device_description)};
	device.device = devices.addressable_devices[0];
	if (!well(slot, SHIM_Device_GetDescription, &device)) return 0;
	shim_kind kind = {SHIM_NEW(shim_kind, device_kind_size), device.device_description};
	if (!well(slot, SHIM_DeviceDescription_Kind, &kind)) return 0;
	made->version = version.platform_version;
	made->version_size = version.platform_version_size;
	made->kind = kind.device_kind;
	made->kind_size = kind.device_kind_size;
	made->devices = devices.num_addressable_devices;
	return 1;
}

// executable_of gives what is compiled of a program that can run, which destroy frees; NULL where
// the plugin does not.
static void *executable_of(int slot, void *loaded) {
	shim_get_executable got = {SHIM_NEW(shim_get_executable, executable), loaded};
	return well(slot, SHIM_LoadedExecutable_GetExecutable, &got) ? got.executable : NULL;
}

static void destroy(int slot, void *executable) {
	shim_executable_destroy args = {SHIM_NEW(shim_executable_destroy, executable), executable};
	well(slot, SHIM_Executable_Destroy, &args);
}

// shim_read_loaded gives what the compiler made of a program, as a serialised HloModuleProto, which
// free frees; NULL where the plugin does not say.
char *shim_read_loaded(int slot, void *loaded, size_t *size) {
	void *executable = executable_of(slot, loaded);
	if (!executable) return NULL;
	shim_program program = {SHIM_NEW(shim_program, format_size)};
	shim_optimized args = {SHIM_NEW(shim_optimized, program), executable, &program};
	int ok = well(slot, SHIM_Executable_OptimizedProgram, &args); // says how long it is
	if (ok) {
		program.code = malloc(program.code_size + 1);
		ok = program.code && well(slot, SHIM_Executable_OptimizedProgram, &args);
	}
	destroy(slot, executable);
	if (!ok) {
		free(program.code);
		return NULL;
	}
	*size = program.code_size;
	return program.code;
}

static int serialize(int slot, void *executable, shim_serialize *args) {
	*args = (shim_serialize){SHIM_NEW(shim_serialize, serialized_executable_deleter), executable};
	return well(slot, SHIM_Executable_Serialize, args);
}

// shim_serialize_loaded gives the bytes of a program, which shim_free_serialized frees; 0 where the
// plugin has none.
int shim_serialize_loaded(int slot, void *loaded, shim_serialize *args) {
	void *executable = executable_of(slot, loaded);
	if (!executable) return 0;
	int ok = serialize(slot, executable, args);
	destroy(slot, executable);
	return ok;
}

void shim_free_serialized(shim_serialize *args) {
	if (args->serialized_executable_deleter)
		args->serialized_executable_deleter(args->serialized_executable);
}

// shim_load_bytes gives the program of such bytes, NULL where the plugin does not take them.
void *shim_load_bytes(int slot, void *client, const char *bytes, size_t size) {
	shim_load args = {SHIM_NEW(shim_load, overridden_serialized_compile_options_size)};
	args.client = client;
	args.serialized_executable = bytes;
	args.serialized_executable_size = size;
	return well(slot, SHIM_Executable_DeserializeAndLoad, &args) ? args.loaded_executable : NULL;
}

// shim_compile_absent compiles the program in args for devices that are not there, which the
// options of a topology describe, and gives the bytes of the compiled one, none where the plugin
// has none. It returns the reason where it cannot, which free frees.
char *shim_compile_absent(int slot, shim_named_value options[2], shim_compile_for *args,
		shim_memory *memory, shim_serialize *program) {
	const shim_api *api = plugins[slot];
	if (api->struct_size <
			offsetof(shim_api, f) + (SHIM_Executable_GetCompiledMemoryStats + 1) * sizeof(api->f[0]))
		return strdup("its table of functions is too short");
	shim_topology topology = {SHIM_NEW(shim_topology, topology), "", 0, options, 2};
	for (int i = 0; i < 2; i++)
		options[i].struct_size = SHIM_SIZE(shim_named_value, value_size);
	void *error = api->f[SHIM_TopologyDescription_Create](&topology);
	if (error) return reason(slot, error);
	args->struct_size = SHIM_SIZE(shim_compile_for, executable);
	args->topology = topology.topology;
	error = api->f[SHIM_Compile](args);
	if (!error) {
		*memory = (shim_memory){SHIM_NEW(shim_memory, peak_unpadded_heap_bytes), args->executable};
		error = api->f[SHIM_Executable_GetCompiledMemoryStats](memory);
		if (!serialize(slot, args->executable, program)) *program = (shim_serialize){0};
		destroy(slot, args->executable);
	}
	shim_topology_destroy end = {SHIM_NEW(shim_topology_destroy, topology), topology.topology};
	well(slot, SHIM_TopologyDescription_Destroy, &end);
	return error ? reason(slot, error) : NULL;
}
