/* What memories cost: wait states, caches, and flash accelerators, per region. */
#ifndef UTVM_VIRTUAL_BOARD_TIMING_MEMORY_H
#define UTVM_VIRTUAL_BOARD_TIMING_MEMORY_H

#include "core.h"
#include "timing_cache.h"

#define VT_MAX_CACHES 4
#define VT_NO_CACHE (-1)

enum { VT_MEM_WRITE = 17 }; /* UC_MEM_WRITE */

/* Costs are stall cycles beyond the core model's own, which takes every access for a hit in zero-wait memory.
 * Mirrored by NativeRegion in timing/memory.py. */
typedef struct {
    uint32_t base_addr;
    uint32_t size_bytes;
    int32_t data_cache;  /* index, or VT_NO_CACHE: then every access to a new word costs */
    int32_t fetch_cache; /* index, or VT_NO_CACHE */
    uint32_t read_miss_cycles;
    uint32_t fetch_miss_cycles;
    uint32_t next_line_cycles;  /* instead of fetch_miss_cycles for the line after the last one (prefetch) */
    uint32_t write_cycles;      /* of a store that no cache takes */
    uint32_t write_back_cycles; /* of replacing a dirty line */
    uint32_t word_bytes;        /* read at once; a buffer of this size holds the last one */
    uint32_t write_allocate;    /* stores that miss bring the line in */
    uint32_t write_through;
    uint64_t read_misses, read_cycles;
    uint64_t fetch_misses, fetch_cycles;
    uint64_t writes, write_stall_cycles;
    uint32_t last_read_word; /* word number plus 1 */
    uint32_t last_fetch_word;
} vt_memory_region;

typedef struct {
    vb_core *board;
    vt_cache *caches[VT_MAX_CACHES];
    uint32_t cache_count;
    vt_memory_region regions[VB_MAX_REGIONS];
    uint32_t region_count;
    uint64_t *stalled_cycles; /* of the block that executes, or NULL */
} vt_memory;

vt_memory *vt_memory_create(vb_core *board);
/* The index of a new cache, or -1. */
int vt_memory_add_cache(vt_memory *memory, uint32_t size_bytes, uint32_t line_bytes, uint32_t ways, int lru);
/* 0, or -1 if there are too many, or Unicorn's error. Data accesses to the region are watched from now on. */
int vt_memory_add_region(vt_memory *memory, const vt_memory_region *region);
const vt_memory_region *vt_memory_statistics(const vt_memory *memory, uint32_t index);
void vt_memory_clear(vt_memory *memory);

/* Stall cycles of a data access, and of fetching a block of code; `sequential` says that it follows the last
 * one. */
uint64_t vt_memory_access(vt_memory *memory, uint32_t addr, uint32_t size_bytes, bool write);
uint64_t vt_memory_fetch(vt_memory *memory, uint32_t addr, uint32_t size_bytes, bool sequential);

#endif
