// A client's WebSocket against a server played by hand over a socket pair: RFC 6455 §4.1, §5.
#include "loadgen/web_socket_stream.h"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <string>

#include <doctest/doctest.h>

namespace causeway::loadgen {
namespace {

using Progress = transport::Stream::Progress;

constexpr std::string_view kSwitch =
    "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nConnection: Upgrade\r\n"
    "sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol:  mqtt \r\n\r\n";

/// Our end of the pair, and the stream at the other.
struct World {
  World() {
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) == 0);
    stream = std::make_unique<WebSocketStream>(fds[1], "broker.test:80", 7);
  }
  ~World() {
    stream.reset();
    for (const int fd : fds)
      if (fd >= 0) close(fd);
  }
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  void Say(std::string_view bytes) {
    REQUIRE(send(fds[0], bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
            static_cast<ssize_t>(bytes.size()));
  }
  std::string Heard() {
    char chunk[70'000];
    const ssize_t came = recv(fds[0], chunk, sizeof chunk, 0);
    return came > 0 ? std::string(chunk, static_cast<size_t>(came)) : std::string();
  }
  void Leave() {
    close(fds[0]);
    fds[0] = -1;
  }
  void Open() {
    CHECK(stream->Shake() == Progress::kWantsRead);
    Heard();
    Say(kSwitch);
    REQUIRE(stream->Shake() == Progress::kDone);
  }
  /// What one Read gives; "-": nothing now, "end": the end, "broken": an error.
  std::string Read(size_t bytes = 1'000) {
    std::string into(bytes, '\0');
    const ssize_t came = stream->Read(into.data(), bytes);
    if (came < 0) return errno == EAGAIN ? "-" : "broken";
    if (came == 0) return "end";
    return into.substr(0, static_cast<size_t>(came));
  }

  int fds[2] = {-1, -1};
  std::unique_ptr<WebSocketStream> stream;
};

std::string ServerFrame(uint8_t first, std::string_view payload) {
  std::string frame(1, static_cast<char>(first));
  if (payload.size() < 126) {
    frame.push_back(static_cast<char>(payload.size()));
  } else {
    const bool wide = payload.size() > 0xFFFF;
    frame.push_back(static_cast<char>(wide ? 127 : 126));
    for (int shift = wide ? 56 : 8; shift >= 0; shift -= 8)
      frame.push_back(static_cast<char>(payload.size() >> shift));
  }
  return frame.append(payload);
}

/// Takes a client's frame apart, which must be masked; the rest stays.
std::string Unmasked(std::string* bytes, uint8_t* first) {
  REQUIRE(bytes->size() >= 6);
  const auto at = [&](size_t i) { return static_cast<unsigned char>((*bytes)[i]); };
  *first = at(0);
  REQUIRE((at(1) & 0x80) != 0);
  const unsigned length = at(1) & 0x7F;
  size_t header = 2, payload = length;
  if (length >= 126) {
    header = length == 126 ? 4 : 10;
    payload = 0;
    for (size_t i = 2; i < header; ++i) payload = payload << 8 | at(i);
  }
  REQUIRE(bytes->size() >= header + 4 + payload);
  std::string out;
  for (size_t i = 0; i < payload; ++i)
    out.push_back(static_cast<char>(at(header + 4 + i) ^ at(header + i % 4)));
  bytes->erase(0, header + 4 + payload);
  return out;
}

ssize_t WriteAll(WebSocketStream* stream, std::string_view bytes) {
  const iovec all{const_cast<char*>(bytes.data()), bytes.size()};
  return stream->Write(&all, 1);
}

TEST_CASE("the upgrade asks for MQTT and is over when the server has proved itself") {
  World world;
  CHECK(world.stream->Shake() == Progress::kWantsRead);
  const std::string request = world.Heard();
  CHECK(request.starts_with("GET /mqtt HTTP/1.1\r\nHost: broker.test:80\r\n"));
  CHECK(request.find("Sec-WebSocket-Protocol: mqtt\r\n") != std::string::npos);
  CHECK(request.ends_with("\r\n\r\n"));
  // In two pieces, and with the first bytes of MQTT behind it.
  world.Say(kSwitch.substr(0, 40));
  CHECK(world.stream->Shake() == Progress::kWantsRead);
  world.Say(std::string(kSwitch.substr(40)) + ServerFrame(0x82, "first"));
  CHECK(world.stream->Shake() == Progress::kDone);
  CHECK(world.stream->buffered());
  CHECK(world.Read() == "first");
}

TEST_CASE("what is no WebSocket for MQTT is told in words") {
  struct Row {
    std::string answer;
    const char* words;
  };
  const std::string other(kSwitch);
  const auto without = [&](const std::string& text, const std::string& instead) {
    return std::string(other).replace(other.find(text), text.size(), instead);
  };
  for (const Row& row : {Row{"HTTP/1.1 404 Not Found\r\n\r\n", "refused: HTTP/1.1 404 Not Found"},
                         Row{std::string("\x20\x02\x00\x00", 4), "not HTTP"},
                         Row{without("s3p", "S3P"), "proves no WebSocket"},
                         Row{without("mqtt", "chat"), "not MQTT over it"},
                         Row{std::string("HTTP/1.1 200 ") + std::string(20'000, 'x'), "no end"}}) {
    World world;
    CHECK(world.stream->Shake() == Progress::kWantsRead);
    world.Say(row.answer);
    // More of the answer may wait than is read at once.
    while (world.stream->Shake() == Progress::kWantsRead) continue;
    CHECK(world.stream->Shake() == Progress::kFailed);
    CHECK(std::string(world.stream->failure()).find(row.words) != std::string::npos);
  }
  World world;
  CHECK(world.stream->Shake() == Progress::kWantsRead);
  world.Leave();
  CHECK(world.stream->Shake() == Progress::kFailed);
}

TEST_CASE("bytes of frames come in order, however they are cut") {
  const std::string large(70'000, 'l');
  const std::string sent = ServerFrame(0x82, "one") + ServerFrame(0x02, "two") +
                           ServerFrame(0x89, "are you there") + ServerFrame(0x80, "three") +
                           ServerFrame(0x82, "") + ServerFrame(0x82, std::string(300, 'm')) +
                           ServerFrame(0x82, large);
  const std::string wanted = "onetwothree" + std::string(300, 'm') + large;
  for (const size_t piece : {size_t{1}, size_t{7}, size_t{1'000}, sent.size()}) {
    World world;
    world.Open();
    std::string got;
    for (size_t at = 0; at < sent.size(); at += piece) {
      world.Say(std::string_view(sent).substr(at, piece));
      for (std::string now; (now = world.Read(512)) != "-";) got += now;
    }
    CHECK(got == wanted);
    std::string answers = world.Heard();
    uint8_t first = 0;
    CHECK(Unmasked(&answers, &first) == "are you there");
    CHECK(first == 0x8A);
    CHECK(answers.empty());
  }
}

TEST_CASE("the end of the broker's side is the end, behind what came before it") {
  for (const bool says_so : {true, false}) {
    World world;
    world.Open();
    world.Say(ServerFrame(0x82, "last") + (says_so ? ServerFrame(0x88, "\x03\xE8") : ""));
    if (!says_so) world.Leave();
    CHECK(world.Read() == "last");
    CHECK(world.Read() == "end");
  }
}

TEST_CASE("a frame that a server may not send breaks the stream") {
  for (const std::string& frame :
       {ServerFrame(0x81, "text"), ServerFrame(0xC2, "reserved"), std::string("\x82\x81mmmmx"),
        ServerFrame(0x89, std::string(126, 'p'))}) {
    World world;
    world.Open();
    world.Say(ServerFrame(0x82, "good") + frame);
    CHECK(world.Read() == "good");
    CHECK(world.Read() == "broken");
    CHECK_FALSE(world.stream->failure().empty());
  }
}

TEST_CASE("what is written arrives masked, whatever its length and however little room there is") {
  for (const size_t bytes : {1, 125, 126, 65'535, 65'536, 200'000}) {
    World world;
    world.Open();
    const int small = 4'096;
    setsockopt(world.fds[1], SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
    std::string sent;
    for (size_t i = 0; i < bytes; ++i) sent.push_back(static_cast<char>('a' + i % 23));
    std::string wire, got;
    for (size_t taken = 0; taken < sent.size();) {
      const ssize_t now = WriteAll(world.stream.get(), std::string_view(sent).substr(taken));
      if (now > 0) taken += static_cast<size_t>(now);
      if (now < 0) REQUIRE(errno == EAGAIN);
      for (std::string more; !(more = world.Heard()).empty();) wire += more;
    }
    while (!wire.empty()) {
      uint8_t first = 0;
      got += Unmasked(&wire, &first);
      CHECK(first == 0x82);
    }
    CHECK(got == sent);
  }
}

}  // namespace
}  // namespace causeway::loadgen
