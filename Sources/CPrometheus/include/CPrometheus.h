#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
  const char *bytes;
  size_t count;
} cprometheus_text;

typedef struct {
  cprometheus_text name, value;
} cprometheus_label;

typedef enum {
  CPROMETHEUS_COUNTER,
  CPROMETHEUS_GAUGE,
  CPROMETHEUS_SUMMARY,
  CPROMETHEUS_HISTOGRAM,
} cprometheus_kind;

/// Metric families of one scrape, in the order in which they were first named.
typedef struct cprometheus_scrape cprometheus_scrape;

cprometheus_scrape *cprometheus_create(void);
void cprometheus_destroy(cprometheus_scrape *scrape);

/// Adds a sample to the family of this name, which the first one creates; what follows fills this sample. False, and
/// nothing is added, where the family is of another kind.
bool cprometheus_sample(cprometheus_scrape *scrape, cprometheus_text name, cprometheus_text help, cprometheus_kind kind,
                        const cprometheus_label *labels, size_t label_count);
/// The last sample's value: a counter's or gauge's.
void cprometheus_value(cprometheus_scrape *scrape, double value);
/// How many observations the last sample (a summary or histogram) has, and their sum.
void cprometheus_observations(cprometheus_scrape *scrape, uint64_t count, double sum);
void cprometheus_quantile(cprometheus_scrape *scrape, double quantile, double value);
/// `cumulative` observations are at or below `upper`. The serializer adds the one without a bound.
void cprometheus_bucket(cprometheus_scrape *scrape, double upper, uint64_t cumulative);

/// The text format (version 0.0.4) of all families; good until the next call.
cprometheus_text cprometheus_serialize(cprometheus_scrape *scrape);

#ifdef __cplusplus
}
#endif
