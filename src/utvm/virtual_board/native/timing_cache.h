/* A set-associative cache: tags only, no data. */
#ifndef UTVM_VIRTUAL_BOARD_TIMING_CACHE_H
#define UTVM_VIRTUAL_BOARD_TIMING_CACHE_H

#include <stdbool.h>
#include <stdint.h>

typedef enum { VT_REPLACE_ROUND_ROBIN, VT_REPLACE_LRU } vt_replacement;

typedef struct {
    uint32_t line; /* address >> line_bits, plus 1; 0 if invalid */
    uint32_t used; /* for LRU */
    uint8_t dirty;
} vt_way;

typedef struct {
    uint32_t line_bits;
    uint32_t set_mask;
    uint32_t ways;
    vt_replacement replacement;
    uint32_t clock;
    uint32_t *next_way; /* per set, for round robin */
    vt_way *entries;
    uint64_t hits;
    uint64_t misses;
    uint64_t write_backs;
} vt_cache;

typedef struct {
    bool hit;
    bool write_back; /* a dirty line was replaced */
} vt_lookup;

/* Sizes are powers of two and line_bytes * ways <= size_bytes. NULL if memory is short or they are not. */
vt_cache *vt_cache_create(uint32_t size_bytes, uint32_t line_bytes, uint32_t ways,
                          vt_replacement replacement);
void vt_cache_destroy(vt_cache *cache);
void vt_cache_clear(vt_cache *cache);

/* Look `addr` up. `allocate` says whether a miss brings the line in, `dirty` whether the line is then
 * written. */
vt_lookup vt_cache_access(vt_cache *cache, uint32_t addr, bool allocate, bool dirty);

#endif
