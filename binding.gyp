# The addon: everything under native/ in one shared object.
# native/seam alone includes <napi.h>; the rest is plain C++20 (docs/decisions/0003-seam.md).
#
# CAUSEWAY_SANITIZE=address|undefined|thread swaps -O3 and link-time optimisation for that sanitizer,
# CAUSEWAY_DEBUG=1 for -O1 and symbols (quick to rebuild, not to be measured).
{
  "variables": {
    "sanitize%": "<!(node -p \"process.env.CAUSEWAY_SANITIZE || ''\")",
    "debug%": "<!(node -p \"process.env.CAUSEWAY_DEBUG || ''\")",
  },
  "targets": [
    {
      "target_name": "causeway",
      "sources": ["<!@(node native/build.mjs --list-sources)"],
      "include_dirs": ["native", "<!(node -p \"require('node-addon-api').include_dir\")"],
      # SWALLOW_…: a call into an environment that is being ended fails quietly instead of ending the process.
      "defines": [
        "NAPI_VERSION=9",
        "NAPI_DISABLE_CPP_EXCEPTIONS",
        "NODE_ADDON_API_DISABLE_DEPRECATED",
        "NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS",
      ],
      # Node 20's common.gypi brings -std=gnu++17; ours replaces it.
      "cflags_cc!": ["-std=gnu++17", "-O2"],
      "cflags!": ["-O2"],
      "cflags_cc": [
        "-std=gnu++20",
        "-fno-exceptions",
        "-fno-rtti",
        "-fvisibility=hidden",
        "-Wall",
        "-Wextra",
        "-Werror",
      ],
      "xcode_settings": {
        "CLANG_CXX_LANGUAGE_STANDARD": "gnu++20",
        "CLANG_CXX_LIBRARY": "libc++",
        "GCC_ENABLE_CPP_EXCEPTIONS": "NO",
        "GCC_ENABLE_CPP_RTTI": "NO",
        "GCC_OPTIMIZATION_LEVEL": "3",
        "GCC_SYMBOLS_PRIVATE_EXTERN": "YES",
        "LLVM_LTO": "YES",
        "MACOSX_DEPLOYMENT_TARGET": "13.0",
      },
      "conditions": [
        ["OS=='linux' and sanitize=='' and debug==''", {
          "cflags_cc": ["-O3", "-flto=auto"],
          "ldflags": ["-O3", "-flto=auto"],
        }],
        ["OS=='linux' and sanitize=='' and debug!=''", {
          "cflags_cc!": ["-O3"],
          "cflags!": ["-O3"],
          "cflags_cc": ["-O1", "-g"],
        }],
        ["OS=='linux' and sanitize!=''", {
          "cflags_cc!": ["-O3"],
          "cflags!": ["-O3"],
          "cflags_cc": ["-O1", "-g", "-fno-omit-frame-pointer", "-fsanitize=<(sanitize)"],
          "ldflags": ["-fsanitize=<(sanitize)"],
        }],
      ],
    },
  ],
}
