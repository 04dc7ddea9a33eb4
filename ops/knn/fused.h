// Comparison of queries with rows in one pass over registers: see fused.c.
#include <stdint.h>

// A panel has so many queries or rows; so many panels of queries are compared
// together: 384 KiB at 512 dimensions, in the second cache. A list has so many hits to spare.
enum { fused_queries = 6, fused_rows = 16, fused_panels = 32, fused_spare = 64 };

typedef struct {
	int64_t row;
	float score;
} fused_hit;

int fused_supported(void);
int fused_pack_rows(const float *rows, int n, int dim, float *out);
int fused_pack_halves(const uint16_t *rows, int n, int dim, float *out);
void fused_scan(const float *queries, int panels, const float *rows, int n, int dim, int k, const int64_t *ids, float *floors, int32_t *counts, fused_hit *found, int64_t room);
