// Random topics and filters over a small alphabet, so that they meet: `$` words, empty levels,
// unicode, deep ones.
#pragma once

#include <random>
#include <string>

namespace causeway::oracle {

class RouterWords {
 public:
  explicit RouterWords(uint64_t seed) : random_(seed) {}

  uint64_t Below(uint64_t end) { return random_() % end; }

  std::string Word() {
    static const char* const kWords[] = {
        "a", "b", "c", "", "$SYS", "$x", "straße", "温度", "a-rather-long-level-name-0123456789"};
    return kWords[Below(std::size(kWords))];
  }
  std::string Topic() {
    std::string topic = Word();
    for (size_t levels = Depth(); levels > 1; --levels) topic += "/" + Word();
    return topic.empty() ? "a" : topic;
  }
  std::string Filter() {
    std::string filter;
    for (size_t left = Depth();; --left) {
      const uint64_t kind = Below(10);
      if (kind == 0 || (left == 1 && kind == 1)) {
        filter += "#";
        break;
      }
      filter += kind < 4 ? "+" : Word();
      if (left == 1) break;
      filter += "/";
    }
    return filter.empty() ? "+" : filter;
  }

 private:
  size_t Depth() { return Below(40) == 0 ? 1 + Below(60) : 1 + Below(4); }

  std::mt19937_64 random_;
};

}  // namespace causeway::oracle
