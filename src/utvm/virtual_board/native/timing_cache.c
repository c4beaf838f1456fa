/* A set-associative cache: tags only, no data. */
#include "timing_cache.h"

#include <stdlib.h>
#include <string.h>

static bool is_power_of_two(uint32_t value) {
    return value && !(value & (value - 1));
}

vt_cache *vt_cache_create(uint32_t size_bytes, uint32_t line_bytes, uint32_t ways,
                          vt_replacement replacement) {
    if (!is_power_of_two(size_bytes) || !is_power_of_two(line_bytes) || !is_power_of_two(ways) ||
        (uint64_t)line_bytes * ways > size_bytes)
        return NULL;
    vt_cache *cache = calloc(1, sizeof *cache);
    if (!cache)
        return NULL;
    uint32_t sets = size_bytes / line_bytes / ways;
    cache->line_bits = (uint32_t)__builtin_ctz(line_bytes);
    cache->set_mask = sets - 1;
    cache->ways = ways;
    cache->replacement = replacement;
    cache->next_way = calloc(sets, sizeof *cache->next_way);
    cache->entries = calloc((size_t)sets * ways, sizeof *cache->entries);
    if (!cache->next_way || !cache->entries) {
        vt_cache_destroy(cache);
        return NULL;
    }
    return cache;
}

void vt_cache_destroy(vt_cache *cache) {
    if (!cache)
        return;
    free(cache->next_way);
    free(cache->entries);
    free(cache);
}

void vt_cache_clear(vt_cache *cache) {
    size_t sets = (size_t)cache->set_mask + 1;
    memset(cache->next_way, 0, sets * sizeof *cache->next_way);
    memset(cache->entries, 0, sets * cache->ways * sizeof *cache->entries);
    cache->clock = 0;
}

static vt_way *victim(vt_cache *cache, vt_way *set, uint32_t number) {
    for (uint32_t way = 0; way < cache->ways; way++)
        if (!set[way].line)
            return &set[way];
    if (cache->replacement == VT_REPLACE_ROUND_ROBIN)
        return &set[cache->next_way[number]++ & (cache->ways - 1)];
    vt_way *oldest = set;
    for (uint32_t way = 1; way < cache->ways; way++)
        if (cache->clock - set[way].used > cache->clock - oldest->used)
            oldest = &set[way];
    return oldest;
}

vt_lookup vt_cache_access(vt_cache *cache, uint32_t addr, bool allocate, bool dirty) {
    uint32_t line = addr >> cache->line_bits, number = line & cache->set_mask;
    vt_way *set = &cache->entries[(size_t)number * cache->ways];
    cache->clock++;
    for (uint32_t way = 0; way < cache->ways; way++)
        if (set[way].line == line + 1) {
            set[way].used = cache->clock;
            set[way].dirty |= dirty;
            cache->hits++;
            return (vt_lookup){true, false};
        }
    cache->misses++;
    if (!allocate)
        return (vt_lookup){false, false};
    vt_way *way = victim(cache, set, number);
    bool write_back = way->line && way->dirty;
    cache->write_backs += write_back;
    *way = (vt_way){line + 1, cache->clock, dirty};
    return (vt_lookup){false, write_back};
}
