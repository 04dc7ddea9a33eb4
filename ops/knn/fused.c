// A matrix product whose results never reach memory: 6 queries and 16 rows meet in
// twelve registers of AVX2, and what is over a query's floor is written down. Each
// score is one chain of fused multiply-adds in the order of the components, so that
// it does not depend on what is compared beside it.
#include "fused.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define AVX2 __attribute__((target("avx2,fma,f16c")))

int fused_supported(void) {
	__builtin_cpu_init();
	return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c");
}

// transpose turns eight registers of eight.
AVX2 static inline void transpose(__m256 r[8]) {
	__m256 t[8];
	for (int i = 0; i < 8; i += 2) {
		t[i] = _mm256_unpacklo_ps(r[i], r[i + 1]);
		t[i + 1] = _mm256_unpackhi_ps(r[i], r[i + 1]);
	}
	for (int i = 0; i < 8; i += 4) {
		r[i] = _mm256_shuffle_ps(t[i], t[i + 2], 0x44);
		r[i + 1] = _mm256_shuffle_ps(t[i], t[i + 2], 0xee);
		r[i + 2] = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0x44);
		r[i + 3] = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0xee);
	}
	for (int i = 0; i < 4; i++) {
		t[i] = _mm256_permute2f128_ps(r[i], r[i + 4], 0x20);
		t[i + 4] = _mm256_permute2f128_ps(r[i], r[i + 4], 0x31);
	}
	for (int i = 0; i < 8; i++) r[i] = t[i];
}

// PACK writes n rows as panels [dim][16]; rows that are missing in the last panel
// are zeros. It gives 0 where a value is not finite.
#define PACK(NAME, TYPE, LOAD8, LOAD1) \
AVX2 int NAME(const TYPE *rows, int n, int dim, float *out) { \
	__m256 odd = _mm256_setzero_ps(); \
	float rest = 0; \
	for (int at = 0; at < n; at += fused_rows, out += (int64_t)fused_rows * dim) \
		for (int half = 0; half < fused_rows; half += 8) { \
			int d = 0; \
			for (; d + 8 <= dim; d += 8) { \
				__m256 r[8]; \
				for (int i = 0; i < 8; i++) { \
					int row = at + half + i; \
					r[i] = _mm256_setzero_ps(); \
					if (row < n) r[i] = LOAD8(rows + (int64_t)row * dim + d); \
					odd = _mm256_or_ps(odd, _mm256_sub_ps(r[i], r[i])); \
				} \
				transpose(r); \
				for (int i = 0; i < 8; i++) _mm256_storeu_ps(out + (int64_t)(d + i) * fused_rows + half, r[i]); \
			} \
			for (; d < dim; d++) \
				for (int i = 0; i < 8; i++) { \
					int row = at + half + i; \
					float v = row < n ? LOAD1(rows[(int64_t)row * dim + d]) : 0; \
					rest += v - v; \
					out[(int64_t)d * fused_rows + half + i] = v; \
				} \
		} \
	return rest == 0 && _mm256_movemask_ps(_mm256_cmp_ps(odd, odd, _CMP_UNORD_Q)) == 0; \
}

#define LOAD_HALVES(p) _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(p)))
#define SAME(v) (v)

PACK(fused_pack_rows, float, _mm256_loadu_ps, SAME)
PACK(fused_pack_halves, uint16_t, LOAD_HALVES, _cvtsh_ss)

// note writes down which of 16 scores are over the floor.
AVX2 static inline void note(__m256 low, __m256 high, float floor, unsigned valid, const int64_t *ids, int32_t *count, fused_hit *found) {
	__m256 f = _mm256_set1_ps(floor);
	unsigned over = _mm256_movemask_ps(_mm256_cmp_ps(low, f, _CMP_GT_OQ)) | _mm256_movemask_ps(_mm256_cmp_ps(high, f, _CMP_GT_OQ)) << 8;
	over &= valid;
	if (!over) return;
	float scores[16];
	_mm256_storeu_ps(scores, low);
	_mm256_storeu_ps(scores + 8, high);
	int32_t n = *count;
	for (; over; over &= over - 1) {
		int i = __builtin_ctz(over);
		found[n++] = (fused_hit){ids[i], scores[i]};
	}
	*count = n;
}

#define STEP(I) \
	a = _mm256_broadcast_ss(q + I); \
	low##I = _mm256_fmadd_ps(a, b0, low##I); \
	high##I = _mm256_fmadd_ps(a, b1, high##I);
#define NOTE(I) note(low##I, high##I, floors[I], valid, ids, counts + I, found + I * room);

AVX2 static void tile(const float *q, const float *r, int dim, unsigned valid, const int64_t *ids, const float *floors, int32_t *counts, fused_hit *found, int64_t room) {
	__m256 low0 = _mm256_setzero_ps(), low1 = low0, low2 = low0, low3 = low0, low4 = low0, low5 = low0;
	__m256 high0 = low0, high1 = low0, high2 = low0, high3 = low0, high4 = low0, high5 = low0;
	for (int d = 0; d < dim; d++, q += fused_queries, r += fused_rows) {
		__m256 b0 = _mm256_loadu_ps(r), b1 = _mm256_loadu_ps(r + 8), a;
		STEP(0) STEP(1) STEP(2) STEP(3) STEP(4) STEP(5)
	}
	NOTE(0) NOTE(1) NOTE(2) NOTE(3) NOTE(4) NOTE(5)
}

static inline int before(fused_hit x, fused_hit y) { return x.score > y.score || (x.score == y.score && x.row < y.row); }

static inline void swap(fused_hit *x, fused_hit *y) {
	fused_hit t = *x;
	*x = *y;
	*y = t;
}

// keep moves the k best hits to the front, the k-th to its place, by Hoare's
// selection, and gives the k-th one's score.
static float keep(fused_hit *hits, int n, int k) {
	for (int low = 0, high = n - 1; low < high;) {
		int mid = low + (high - low) / 2, i = low, j = high;
		if (before(hits[mid], hits[low])) swap(hits + mid, hits + low);
		if (before(hits[high], hits[low])) swap(hits + high, hits + low);
		if (before(hits[high], hits[mid])) swap(hits + high, hits + mid);
		fused_hit pivot = hits[mid];
		while (i <= j) {
			while (before(hits[i], pivot)) i++;
			while (before(pivot, hits[j])) j--;
			if (i <= j) swap(hits + i++, hits + j--);
		}
		if (k - 1 <= j) high = j;
		else if (k - 1 >= i) low = i;
		else break;
	}
	return hits[k - 1].score;
}

// fused_scan compares panels of queries [dim][6] with n rows in panels [dim][16].
// found has room hits for each query, of which counts are taken; whenever another
// 64 rows might not find room the k best are kept, and the k-th is the floor. The
// next panel of rows is fetched into the second cache while the queries meet this one.
void fused_scan(const float *queries, int panels, const float *rows, int n, int dim, int k, const int64_t *ids, float *floors, int32_t *counts, fused_hit *found, int64_t room) {
	int64_t size = (int64_t)fused_rows * dim, part = (size + panels - 1) / panels;
	for (int at = 0; at < n; at += fused_rows, rows += size) {
		unsigned valid = n - at >= fused_rows ? 0xffff : (1u << (n - at)) - 1;
		for (int p = 0; p < panels; p++) {
			int first = p * fused_queries;
			for (int64_t i = 0; i < part; i += 16) _mm_prefetch((const char *)(rows + size + p * part + i), _MM_HINT_T1);
			tile(queries + (int64_t)first * dim, rows, dim, valid, ids + at, floors + first, counts + first, found + first * room, room);
		}
		if ((at / fused_rows + 1) % (fused_spare / fused_rows) == 0 || at + fused_rows >= n)
			for (int i = 0; i < panels * fused_queries; i++)
				if (counts[i] > room - fused_spare) {
					floors[i] = keep(found + i * room, counts[i], k);
					counts[i] = k;
				}
	}
}

#else

int fused_supported(void) { return 0; }
int fused_pack_rows(const float *rows, int n, int dim, float *out) { return 0; }
int fused_pack_halves(const uint16_t *rows, int n, int dim, float *out) { return 0; }
void fused_scan(const float *queries, int panels, const float *rows, int n, int dim, int k, const int64_t *ids, float *floors, int32_t *counts, fused_hit *found, int64_t room) {}

#endif
