// Runs a libFuzzer entry point without libFuzzer: first the corpus, then seeded mutations of it.
//
//   target [--seconds=N] [--runs=N] [--seed=N] [--crash=FILE] CORPUS...    files and folders
//
// Mutates for as long as the seconds and for at least the runs: --runs with --seed is the same run
// on every machine. With --crash the input about to run is written to FILE first: running the
// target on that file alone shows a failure again. The seed is printed.

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <string_view>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

using Bytes = std::vector<uint8_t>;

/// Longest input the driver makes, bytes. Larger corpus entries run once, unchanged.
constexpr size_t kInputMax = 4096;

/// Holds the input under test. Written without buffering, so it outlives any death of the process.
class CrashFile {
 public:
  explicit CrashFile(const std::string& path) {
    if (path.empty()) return;
    fd_ = open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC, 0644);
    if (fd_ < 0) std::perror(path.c_str());
  }
  CrashFile(const CrashFile&) = delete;
  CrashFile& operator=(const CrashFile&) = delete;
  ~CrashFile() {
    if (fd_ >= 0) close(fd_);
  }

  void Keep(const Bytes& input) {
    if (fd_ < 0) return;
    if (ftruncate(fd_, static_cast<off_t>(input.size())) != 0) return;
    if (pwrite(fd_, input.data(), input.size(), 0) < 0) std::perror("crash file");
  }

 private:
  int fd_ = -1;
};

Bytes ReadFile(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return Bytes(std::istreambuf_iterator<char>(in), {});
}

std::vector<Bytes> ReadCorpus(const std::vector<std::string>& paths) {
  std::vector<std::filesystem::path> files;
  for (const std::string& path : paths) {
    if (!std::filesystem::is_directory(path)) {
      files.emplace_back(path);
      continue;
    }
    for (const auto& entry : std::filesystem::directory_iterator(path))
      files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());  // the same seed must mean the same run
  std::vector<Bytes> corpus;
  for (const auto& file : files) corpus.push_back(ReadFile(file));
  return corpus;
}

/// One to eight small edits: the classic ones, in no particular order.
Bytes Mutate(const std::vector<Bytes>& corpus, std::mt19937_64& random) {
  const auto below = [&random](size_t n) { return n == 0 ? 0 : static_cast<size_t>(random() % n); };
  Bytes input = corpus.empty() ? Bytes() : corpus[below(corpus.size())];
  if (input.size() > kInputMax) input.resize(kInputMax);
  for (size_t edits = 1 + below(8); edits > 0; --edits) {
    const size_t at = below(input.size() + 1);
    const auto position = input.begin() + static_cast<std::ptrdiff_t>(at);
    switch (below(6)) {
      case 0:  // a bit
        if (at < input.size()) input[at] ^= static_cast<uint8_t>(1U << below(8));
        break;
      case 1:  // a byte, extremes often
        if (at < input.size()) input[at] = static_cast<uint8_t>(below(3) == 0 ? 0xFF : random());
        break;
      case 2:
        input.insert(position, static_cast<uint8_t>(random()));
        break;
      case 3:  // cut the end
        input.resize(at);
        break;
      case 4:  // drop a run
        input.erase(position, position + static_cast<std::ptrdiff_t>(below(input.size() - at + 1)));
        break;
      default:  // graft the tail of another entry
        if (!corpus.empty()) {
          const Bytes& other = corpus[below(corpus.size())];
          input.resize(at);
          input.insert(input.end(),
                       other.begin() + static_cast<std::ptrdiff_t>(below(other.size() + 1)),
                       other.end());
        }
    }
    if (input.size() > kInputMax) input.resize(kInputMax);
  }
  return input;
}

/// Runs the target on an exact heap copy: a vector that was edited has room behind its end, in
/// which AddressSanitizer would not see a read.
void Run(const Bytes& input) {
  const Bytes exact(input.begin(), input.end());
  LLVMFuzzerTestOneInput(exact.data(), exact.size());
}

/// The value of `--name=value`, or nullptr when `argument` is not that option.
const char* Option(const char* argument, std::string_view name) {
  if (std::strncmp(argument, name.data(), name.size()) != 0) return nullptr;
  return argument + name.size();
}

}  // namespace

int main(int argc, char** argv) {
  double seconds = 0;
  uint64_t runs_wanted = 0;
  uint64_t seed = std::random_device()();
  std::string crash_path;
  std::vector<std::string> paths;
  for (int i = 1; i < argc; ++i) {
    if (const char* value = Option(argv[i], "--seconds=")) {
      seconds = std::atof(value);
    } else if (const char* value = Option(argv[i], "--runs=")) {
      runs_wanted = std::strtoull(value, nullptr, 10);
    } else if (const char* value = Option(argv[i], "--seed=")) {
      seed = std::strtoull(value, nullptr, 10);
    } else if (const char* value = Option(argv[i], "--crash=")) {
      crash_path = value;
    } else {
      paths.emplace_back(argv[i]);
    }
  }
  CrashFile crash(crash_path);
  const std::vector<Bytes> corpus = ReadCorpus(paths);
  for (const Bytes& input : corpus) {
    crash.Keep(input);
    Run(input);
  }
  std::printf("corpus: %zu inputs, seed %llu\n", corpus.size(),
              static_cast<unsigned long long>(seed));
  std::fflush(stdout);

  std::mt19937_64 random(seed);
  uint64_t runs = 0;
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  while (runs < runs_wanted || (seconds > 0 && std::chrono::steady_clock::now() < deadline)) {
    const Bytes input = Mutate(corpus, random);
    crash.Keep(input);
    Run(input);
    ++runs;
  }
  std::printf("mutations: %llu runs\n", static_cast<unsigned long long>(runs));
  return 0;
}
