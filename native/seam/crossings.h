// The door between V8 and the plain core, and what passes it.
#pragma once

#include <napi.h>

#include <atomic>
#include <cstdint>

#include "transport/engine.h"

namespace causeway::seam {

/// Calls between V8 and native code since load, both ways, of all environments of the process: the
/// figure behind "no PUBLISH touches V8" (design.md §1). Relaxed: a count.
extern std::atomic<uint64_t> crossings;

inline void Cross() { crossings.fetch_add(1, std::memory_order_relaxed); }

/// The engine of this process, or null before start. One leaked pointer, no destructor: leaving is
/// Halt (design.md §12).
extern std::atomic<transport::Engine*> engine;

/// The engine, or null with a JavaScript error (code ENGINE_STOPPED) pending.
transport::Engine* EngineOrThrow(Napi::Env env);

void Throw(Napi::Env env, const char* code, const std::string& message);

void ExportLayout(Napi::Env env, Napi::Object exports);
void ExportEngine(Napi::Env env, Napi::Object exports);
void ExportEdge(Napi::Env env, Napi::Object exports);
void ExportTls(Napi::Env env, Napi::Object exports);
void ExportLink(Napi::Env env, Napi::Object exports);
void ExportLoadgen(Napi::Env env, Napi::Object exports);
void ExportWorkbench(Napi::Env env, Napi::Object exports);

/// Wraps `call` so that every use counts as a crossing.
template <Napi::Value (*call)(const Napi::CallbackInfo&)>
Napi::Value Counted(const Napi::CallbackInfo& info) {
  Cross();
  return call(info);
}

template <Napi::Value (*call)(const Napi::CallbackInfo&)>
void Export(Napi::Env env, Napi::Object exports, const char* name) {
  exports.Set(name, Napi::Function::New<Counted<call>>(env, name));
}

}  // namespace causeway::seam
