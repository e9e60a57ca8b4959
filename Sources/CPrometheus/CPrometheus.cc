#include "CPrometheus.h"

#if !__has_include(<prometheus/text_serializer.h>)
#error "prometheus-cpp is missing: apt-get install prometheus-cpp-dev"
#endif
#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>
#include <string>
#include <unordered_map>
#include <vector>

using prometheus::ClientMetric;
using prometheus::MetricType;

struct cprometheus_scrape {
  std::vector<prometheus::MetricFamily> families;
  std::unordered_map<std::string, size_t> index;
  size_t current = 0;
  std::string text;

  ClientMetric &sample() { return families[current].metric.back(); }
};

static MetricType type(cprometheus_kind kind) {
  switch (kind) {
    case CPROMETHEUS_COUNTER: return MetricType::Counter;
    case CPROMETHEUS_GAUGE: return MetricType::Gauge;
    case CPROMETHEUS_SUMMARY: return MetricType::Summary;
    case CPROMETHEUS_HISTOGRAM: return MetricType::Histogram;
  }
  return MetricType::Untyped;
}

extern "C" {

cprometheus_scrape *cprometheus_create(void) { return new cprometheus_scrape; }
void cprometheus_destroy(cprometheus_scrape *scrape) { delete scrape; }

bool cprometheus_sample(cprometheus_scrape *s, cprometheus_text name, cprometheus_text help, cprometheus_kind kind,
                        const cprometheus_label *labels, size_t label_count) {
  std::string key(name.bytes, name.count);
  auto [entry, added] = s->index.emplace(key, s->families.size());
  if (added) {
    prometheus::MetricFamily family;
    family.name = key;
    family.help.assign(help.bytes, help.count);
    family.type = type(kind);
    s->families.push_back(std::move(family));
  }
  if (s->families[entry->second].type != type(kind)) return false;
  s->current = entry->second;
  ClientMetric metric;
  for (size_t i = 0; i < label_count; i++)
    metric.label.push_back({std::string(labels[i].name.bytes, labels[i].name.count),
                            std::string(labels[i].value.bytes, labels[i].value.count)});
  s->families[s->current].metric.push_back(std::move(metric));
  return true;
}

void cprometheus_value(cprometheus_scrape *s, double value) {
  s->sample().counter.value = value;
  s->sample().gauge.value = value;
}

void cprometheus_observations(cprometheus_scrape *s, uint64_t count, double sum) {
  s->sample().summary.sample_count = s->sample().histogram.sample_count = count;
  s->sample().summary.sample_sum = s->sample().histogram.sample_sum = sum;
}

void cprometheus_quantile(cprometheus_scrape *s, double quantile, double value) {
  s->sample().summary.quantile.push_back({quantile, value});
}

void cprometheus_bucket(cprometheus_scrape *s, double upper, uint64_t cumulative) {
  s->sample().histogram.bucket.push_back({cumulative, upper});
}

cprometheus_text cprometheus_serialize(cprometheus_scrape *s) {
  s->text = prometheus::TextSerializer().Serialize(s->families);
  return {s->text.data(), s->text.size()};
}

}  // extern "C"
