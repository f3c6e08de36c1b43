// The addon's door: what it exports, by room. The contract in TypeScript is src/native/binding.ts.
#include "seam/crossings.h"

namespace causeway::seam {

std::atomic<uint64_t> crossings{0};
std::atomic<transport::Engine*> engine{nullptr};

transport::Engine* EngineOrThrow(Napi::Env env) {
  transport::Engine* running = engine.load(std::memory_order_acquire);
  if (running == nullptr || running->halted()) {
    Throw(env, "ENGINE_STOPPED", "the engine is not running");
    return nullptr;
  }
  return running;
}

void Throw(Napi::Env env, const char* code, const std::string& message) {
  Napi::Error error = Napi::Error::New(env, message);
  error.Set("code", Napi::String::New(env, code));
  error.ThrowAsJavaScriptException();
}

namespace {

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  ExportLayout(env, exports);
  ExportEngine(env, exports);
  ExportEdge(env, exports);
  ExportTls(env, exports);
  ExportLink(env, exports);
  ExportLoadgen(env, exports);
  ExportWorkbench(env, exports);
  // Reading the count is not a crossing worth counting.
  exports.Set("crossings",
              Napi::Function::New(env, [](const Napi::CallbackInfo& info) -> Napi::Value {
                return Napi::Number::New(
                    info.Env(), static_cast<double>(crossings.load(std::memory_order_relaxed)));
              }));
  return exports;
}

}  // namespace

}  // namespace causeway::seam

static Napi::Object InitModule(Napi::Env env, Napi::Object exports) {
  return causeway::seam::Init(env, exports);
}
NODE_API_MODULE(causeway, InitModule)
