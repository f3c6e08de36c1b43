#include "router/word_table.h"

#include <cstdlib>
#include <cstring>
#include <new>

#include "core/check.h"

namespace causeway::router {

WordTable::~WordTable() {
  table_.ForEach([](Word* word) { std::free(word); });
}

Word* WordTable::Acquire(std::string_view word, uint64_t hash) {
  Word* found = const_cast<Word*>(Find(word, hash));  // we are the writer
  if (found != nullptr) {
    ++found->references;
    return found;
  }
  void* memory = std::malloc(sizeof(Word) + word.size());
  CHECK(memory != nullptr);
  Word* made = new (memory) Word{hash, static_cast<uint32_t>(word.size()), 1};
  std::memcpy(made + 1, word.data(), word.size());
  words_bytes_ += made->bytes();
  table_.Insert(made, epochs_);
  return made;
}

void WordTable::Release(Word* word) {
  if (--word->references > 0) return;
  words_bytes_ -= word->bytes();
  table_.Remove(word, epochs_);
  epochs_->Retire(word, [](void* memory) { std::free(memory); }, word->bytes());
}

}  // namespace causeway::router
