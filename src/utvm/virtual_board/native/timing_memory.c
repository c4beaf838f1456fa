/* What memories cost: wait states, caches, and flash accelerators, per region. */
#include "timing_memory.h"

#include <stdlib.h>

vt_memory *vt_memory_create(vb_core *board) {
    vt_memory *memory = calloc(1, sizeof *memory);
    if (memory)
        memory->board = board;
    return memory;
}

int vt_memory_add_cache(vt_memory *memory, uint32_t size_bytes, uint32_t line_bytes, uint32_t ways, int lru) {
    if (memory->cache_count == VT_MAX_CACHES)
        return -1;
    vt_cache *cache =
        vt_cache_create(size_bytes, line_bytes, ways, lru ? VT_REPLACE_LRU : VT_REPLACE_ROUND_ROBIN);
    if (!cache)
        return -1;
    memory->caches[memory->cache_count] = cache;
    return (int)memory->cache_count++;
}

static uint64_t read_region(vt_memory *memory, vt_memory_region *region, uint32_t addr) {
    uint64_t cycles = 0;
    if (region->data_cache != VT_NO_CACHE) {
        vt_lookup lookup = vt_cache_access(memory->caches[region->data_cache], addr, true, false);
        if (!lookup.hit)
            cycles = region->read_miss_cycles + (lookup.write_back ? region->write_back_cycles : 0);
    } else {
        uint32_t word = addr / region->word_bytes + 1;
        if (word != region->last_read_word)
            cycles = region->read_miss_cycles;
        region->last_read_word = word;
    }
    region->read_misses += cycles > 0;
    region->read_cycles += cycles;
    return cycles;
}

static uint64_t write_region(vt_memory *memory, vt_memory_region *region, uint32_t addr) {
    uint64_t cycles = region->write_cycles;
    if (region->data_cache != VT_NO_CACHE) {
        vt_lookup lookup = vt_cache_access(memory->caches[region->data_cache], addr, region->write_allocate,
                                           !region->write_through);
        if (!region->write_through && (lookup.hit || region->write_allocate))
            cycles = lookup.write_back ? region->write_back_cycles : 0;
    }
    region->writes++;
    region->write_stall_cycles += cycles;
    return cycles;
}

static vt_memory_region *region_of(vt_memory *memory, uint32_t addr) {
    for (uint32_t i = 0; i < memory->region_count; i++)
        if (addr - memory->regions[i].base_addr < memory->regions[i].size_bytes)
            return &memory->regions[i];
    return NULL;
}

static uint64_t access_region(vt_memory *memory, vt_memory_region *region, uint32_t addr, uint32_t size_bytes,
                              bool write) {
    uint64_t cycles = write ? write_region(memory, region, addr) : read_region(memory, region, addr);
    uint32_t line_bytes = region->data_cache == VT_NO_CACHE
                              ? region->word_bytes
                              : 1u << memory->caches[region->data_cache]->line_bits;
    uint32_t last = addr + size_bytes - 1;
    if (last / line_bytes != addr / line_bytes)
        cycles += write ? write_region(memory, region, last) : read_region(memory, region, last);
    return cycles;
}

uint64_t vt_memory_access(vt_memory *memory, uint32_t addr, uint32_t size_bytes, bool write) {
    vt_memory_region *region = region_of(memory, addr);
    return region ? access_region(memory, region, addr, size_bytes, write) : 0;
}

static void on_access(uc_engine *uc, int type, uint64_t addr, int size_bytes, int64_t value, void *user) {
    (void)uc, (void)value;
    vt_memory *memory = user;
    uint64_t cycles = vt_memory_access(memory, (uint32_t)addr, (uint32_t)size_bytes, type == VT_MEM_WRITE);
    memory->board->cycles += cycles;
    if (memory->stalled_cycles)
        *memory->stalled_cycles += cycles;
}

int vt_memory_add_region(vt_memory *memory, const vt_memory_region *region) {
    if (memory->region_count == VB_MAX_REGIONS)
        return -1;
    memory->regions[memory->region_count++] = *region;
    uc_hook hook;
    return memory->board->api.hook_add(memory->board->uc, &hook, UC_HOOK_MEM_READ | UC_HOOK_MEM_WRITE,
                                       (void *)on_access, memory, (uint64_t)region->base_addr,
                                       (uint64_t)region->base_addr + region->size_bytes - 1);
}

const vt_memory_region *vt_memory_statistics(const vt_memory *memory, uint32_t index) {
    return index < memory->region_count ? &memory->regions[index] : NULL;
}

void vt_memory_clear(vt_memory *memory) {
    for (uint32_t i = 0; i < memory->cache_count; i++)
        vt_cache_clear(memory->caches[i]);
    for (uint32_t i = 0; i < memory->region_count; i++)
        memory->regions[i].last_read_word = memory->regions[i].last_fetch_word = 0;
}

/* `number` counts lines of the cache, or words without one. */
static uint64_t fetch_line(vt_memory *memory, vt_memory_region *region, uint32_t addr, uint32_t line_bytes,
                           bool sequential) {
    uint32_t word = addr / line_bytes + 1;
    bool next = sequential || word == region->last_fetch_word + 1;
    bool hit = word == region->last_fetch_word;
    if (!hit && region->fetch_cache != VT_NO_CACHE)
        hit = vt_cache_access(memory->caches[region->fetch_cache], addr, true, false).hit;
    region->last_fetch_word = word;
    if (hit)
        return 0;
    uint64_t cycles = next ? region->next_line_cycles : region->fetch_miss_cycles;
    region->fetch_misses++;
    region->fetch_cycles += cycles;
    return cycles;
}

uint64_t vt_memory_fetch(vt_memory *memory, uint32_t addr, uint32_t size_bytes, bool sequential) {
    vt_memory_region *region = region_of(memory, addr);
    if (!region)
        return 0;
    uint32_t line_bytes = region->fetch_cache == VT_NO_CACHE
                              ? region->word_bytes
                              : 1u << memory->caches[region->fetch_cache]->line_bits;
    uint64_t cycles = 0;
    for (uint32_t at = addr & ~(line_bytes - 1); at < addr + size_bytes; at += line_bytes) {
        cycles += fetch_line(memory, region, at, line_bytes, sequential);
        sequential = true;
    }
    return cycles;
}
