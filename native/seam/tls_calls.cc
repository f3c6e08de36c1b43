// TLS contexts: what certificates, keys and rules are in force.
#include "seam/arguments.h"
#include "seam/crossings.h"
#include "transport/tls_options.h"

namespace causeway::seam {

namespace {

uint8_t VersionsOf(const std::vector<std::string>& names) {
  uint8_t versions = 0;
  for (const std::string& name : names) {
    if (name == "tlsv1") versions |= transport::tls_versions::kTls10;
    if (name == "tlsv1.1") versions |= transport::tls_versions::kTls11;
    if (name == "tlsv1.2") versions |= transport::tls_versions::kTls12;
    if (name == "tlsv1.3") versions |= transport::tls_versions::kTls13;
  }
  return versions;
}

transport::TlsIdentity IdentityOf(const Napi::Object& from) {
  transport::TlsIdentity identity;
  identity.certificate_pem = TextOf(from.Get("certificate"));
  identity.key_pem = TextOf(from.Get("key"));
  const Napi::Value password = from.Get("password");
  identity.has_password = !password.IsNull();
  if (identity.has_password) identity.password = TextOf(password);
  identity.hosts = TextsOf(from.Get("hosts"));
  return identity;
}

/// setTls(number, { server, identities: [{ certificate, key, password | null, hosts }],
/// authorities, revocations | null, verifyPeer, peerCertificateRequired, depth, versions, ciphers,
/// serverOrder, resumption }) → null, or { part, identity, reason }
Napi::Value SetTls(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  transport::Engine* running = EngineOrThrow(env);
  if (running == nullptr) return env.Undefined();
  const Napi::Object from = info[1].As<Napi::Object>();
  transport::TlsOptions options;
  options.server = BooleanOf(from.Get("server"));
  const Napi::Array identities = from.Get("identities").As<Napi::Array>();
  for (uint32_t i = 0; i < identities.Length(); ++i)
    options.identities.push_back(IdentityOf(identities.Get(i).As<Napi::Object>()));
  options.authorities_pem = TextOf(from.Get("authorities"));
  const Napi::Value revocations = from.Get("revocations");
  options.check_revocation = !revocations.IsNull();
  if (options.check_revocation) options.revocations_pem = TextOf(revocations);
  options.verify_peer = BooleanOf(from.Get("verifyPeer"));
  options.peer_certificate_required = BooleanOf(from.Get("peerCertificateRequired"));
  options.depth = static_cast<int>(NumberOf(from.Get("depth")));
  options.versions = VersionsOf(TextsOf(from.Get("versions")));
  options.ciphers = TextsOf(from.Get("ciphers"));
  options.server_order = BooleanOf(from.Get("serverOrder"));
  options.resumption = BooleanOf(from.Get("resumption"));
  transport::TlsRefusal refusal;
  if (running->SetTls(NumberOf(info[0]), options, &refusal)) return env.Null();
  Napi::Object out = Napi::Object::New(env);
  out.Set("part", std::string(transport::NameOf(refusal.part)));
  out.Set("identity", static_cast<double>(refusal.identity));
  out.Set("reason", refusal.reason);
  return out;
}

}  // namespace

void ExportTls(Napi::Env env, Napi::Object exports) { Export<SetTls>(env, exports, "setTls"); }

}  // namespace causeway::seam
