#include "link/inflate.h"

#include "rows.h"

#include <doctest/doctest.h>

namespace causeway::link {
namespace {

/// The text the streams below were made from: sixteen letters, unevenly spread.
std::string Sample(size_t bytes) {
  std::string out;
  uint32_t x = 12345;
  for (size_t i = 0; i < bytes; ++i) {
    x = (x * 1103515245u + 12345u) & 0x7FFFFFFF;
    out.push_back(static_cast<char>('a' + ((x >> 16) & 15 & (x >> 21))));
  }
  return out;
}

struct Stream {
  const char* name;
  size_t bytes;
  const char* hex;
};

/// Made with zlib, one for each way it has to write a block.
constexpr Stream kStreams[] = {
    {"stored", 100,
     "78010164009bff6d6162696166696b63666d61616361616269666170616e61616165656161626361646963676b"
     "65666961616f62616b61656665616a61706165636967696262666365616361696162616b656362636265656261"
     "6b6a666167656965616863616161616963c7932759"},
    {"fixed codes", 300,
     "7801cb4d4cca4c4ccbcc4e4ecb4d4c4c4e04f2d2120b12f3121313535381bce4c494cce4f4ecd4b4ccc4c4fca4"
     "c4ecc4d4b4d4c42ca08ad4e4ccf4cca4a4b4e454a0aecc44a0546a725272526a2a90959596989e9a999a980134"
     "2f3131333935293d353107686272225075524a6276726662269007944a4907da9f989b9995989c9d989c9c9b99"
     "9a9309d29b989608b4273123333d271948272601ad06a2e47ca01d8940ab81062527262525a602b9b9d9203a3d"
     "0de80e90a6ccc4d49cc4f4fc4ca01db9408540c1d4dcd494e4c4dcbcf4c45ca0fb92535281ee2dc8047a2c2339"
     "3f29330b68605a7e622ed08cbcf4e4ccd48ce4a4c4ac6490ca74a009208b33738166256602008bc1769b"},
    {"dynamic codes", 2000,
     "78da2d95d176c3300843bf153076b0e3a4ffffb42b673b5dd3a4068490e8362febb5a26fb330eebafdec31b34c"
     "eec25ac558d9cbec755b963d6d7222a346b9f748a2caf82ac3c333f934bb8dacb48b7c6615e923ed266318a7bd"
     "d98ab2e28eafdaa0beed9a16cb2276e55d8ab56ed4b1abc61d5ccd29cd2b5e6a18a54914e66ec9ed5eba8e0e0e"
     "0595e56de32d6a6c0ef23077b6b0fd0cdbe08b96e0fd158d5df17a4d12f6d736399e119557b8cdd0c9410615ae"
     "4d2e65a7e4b0d71a87674c374e8c4632bdc0b32280c2977ad068912730473739616141d661ab3f10fb2a531215"
     "b98848cabc10c6b9826725b418eaa8c7af5b1f30a8a410587c699b07310bfc515ba3aa66f369e4e99d03b9f589"
     "6186f53669517f1ec483b0dab033ed3aa31b31fc578b2b27f8ff7a1df58ae4fddb560b6e2b982ac880ea1e4325"
     "1b1aa133e5dae8c47f4181c81a069099afaa321f29c9cae7910a6452e2c73001bc99a064107de52c0118532d10"
     "2cf4888084d90e78b8964c4477761080c86be4e4ce34f1d887f71bc64573ef5219aa6ad2971f1d505a6a30bb07"
     "b09ac4d219821e7edd01de4e6348bc5f3a2ac91a88a758b3670cde4f2fc325d15abbf9d544d818e286da8e7b42"
     "8c4b4238e2a2ccb319d3a561937b783ff427c32bef49af032417c475db6dd92cff49cafe694e3868ba3c09c428"
     "371fd2bf89e23924ab5ece6856cacff711e0be965f9794c148d03ff14cfb7866d36838f2b3bb96f87be8a68d17"
     "fd965400d82511465b678697b5e051b10dac2d44c2d3425c63b75c13470300dd12e7b91f99729320ce56f8583c"
     "26383e91d26916d930714caa35d1e2f3cf921bce3162356daed83f9c29cb8f507d8f237f025ed14c0c40e32755"
     "6a67c930cbb7bfe86b6483fe5be070cb38c2665b30ea75262e2b3e217d450341025a046ac2a05912032b4e9e38"
     "92eaa2224416a82f95976731dab1e2cb6a082d9dee372cdd5d6ca7f49a897dd2d98ad697760a80987bc8e61a93"
     "6cb8c62674409a8eaa5904aa593df2b21f77ab3b5c36a1c605bfb43c003c6dcfa00fdf6a08df877f6c58d3d6f1"
     "da33abd3ee8a2d41427a49018000b816808a6de00e5f0f9b4fb95fadd82d5db5b158396330ae24491ba1a52fa9"
     "1f41e90897b3a4a3413172c2000b673c43e30550754166877404734d69f860070cc614bf96ff16d7df0c553a8a"
     "ded4921e536b4bebb7be1d6ccdb56b23a71201abe40f305dab496939f635d5dac92b702f6991d199a2527699fd"
     "6de24925523f49cc4b9bb38e4e9f95e370de3b6df1eb17f52f049b5d9e33d6b5c2a73b3f19d96f698bf611ef60"
     "1b910404d23fe1129cf42742a69d41437e7b2fca46f74334ef689429cebc50063f8d52209b16e02e3e34a64ffa"
     "9393f9ad265bb7f02b1687e61f54721347"},
    {"literals only", 400,
     "780105c1c16103311003b15a873c6a4dc9f2a5ff57808bcaeaf1ba6050177ffc8004649e7a4e56e11587acb0f9"
     "23ee545a0ea68813cb4ac4d98b49c3c7007534e10b31c17a382e8da9f38c0ab71b1fecdb7c9b06166cf874bede"
     "800e39c4af153a0d361251b84744b328b029f9326f4bef3485dc3ce6fe861be12788bfd6f3f1abeed0f572897e"
     "e3e663b17d23865e1dd25b4ac1687879b86c6fc1300f0281cdb18fe002e2a1e1789540b6a3e38029eb27f30e2f"
     "b171ce8590bee61f97529dca"},
    {"a small window", 700,
     "18d3254f59b2e430083bab908196ddeee4fe5f23dea49cb201a1e52284d2615d80705578f10390e98a58629f2c"
     "014fe0202bb18d48aa15514c6f091e258391e9d72e742af1311f206674e26b46c2e8583814e4caa3d5d6c7d506"
     "0fc8abfc6a7651b00e3eea2f7d232cedc3c71ab0b4898808a4cb7be6eeb28f5912f28b7e648d6ba09b797311f7"
     "d7b8f6c795f6fbcac13e7c42db84f5e09ae3d7547e18d81c649b618475cd35ec966c3c58066fee8011bd4c36c7"
     "7e0e692b1e4e6339a23b653b76b09971984321d42f886798d25bcce38db4cc43cf3384f34708f6242abe856a7c"
     "ff48c19087b86e70cbfea96bded0c2fe2df3541990775e2ab3d4da8e385fd0fb76a8d518febf508ec98e57c7b7"
     "11feff676d3de950f7bdd02948443b901733823d922b73920dd75d62bcb400530d1bd9f98c6a1832b7c22608a5"
     "ae25de3c76811b313db24e6e8d81de13c1cbe31eb6ef72fd9947e36a63d95f961d40ff00df4113bb"},
};

/// 70,000 times the letter a: matches of length 258 at distance 1.
constexpr char kRuns[] =
    "78daedc13101000000c2a0aceb5fc2129e40010000000000000000000000000000000000000000000000000000"
    "00000000000000000000000000000000000000000000000000000000000000000000000000000000006f03470a"
    "a17a";

bool Unfold(const std::string& stream, size_t size, std::string* out, size_t* consumed) {
  out->assign(size, '\0');
  return Inflate(stream, out->data(), size, consumed);
}

TEST_SUITE("link/inflate") {
  TEST_CASE("streams of every block type unfold to what was packed, trailing bytes left alone") {
    for (const Stream& stream : kStreams) {
      CAPTURE(stream.name);
      const std::string packed = FromHex(stream.hex);
      std::string out;
      size_t consumed = 0;
      REQUIRE(Unfold(packed + "tail", stream.bytes, &out, &consumed));
      CHECK(out == Sample(stream.bytes));
      CHECK(consumed == packed.size());
    }
  }

  TEST_CASE("a match may overlap what it produces") {
    std::string out;
    size_t consumed;
    REQUIRE(Unfold(FromHex(kRuns), 70000, &out, &consumed));
    CHECK(out == std::string(70000, 'a'));
  }

  TEST_CASE("a result of any other size than announced is refused") {
    for (const Stream& stream : kStreams) {
      CAPTURE(stream.name);
      std::string out;
      size_t consumed;
      for (const size_t size : {size_t{0}, stream.bytes - 1, stream.bytes + 1}) {
        CHECK_FALSE(Unfold(FromHex(stream.hex), size, &out, &consumed));
      }
    }
  }

  TEST_CASE("every proper prefix is refused") {
    for (const Stream& stream : kStreams) {
      const std::string packed = FromHex(stream.hex);
      for (size_t length = 0; length < packed.size(); ++length) {
        std::string out;
        size_t consumed;
        CHECK_FALSE(Unfold(std::string(packed, 0, length), stream.bytes, &out, &consumed));
      }
    }
  }

  TEST_CASE("a flipped bit does no harm, and all but Adler-32's own collisions are noticed") {
    int bits = 0;
    int unnoticed = 0;
    for (const Stream& stream : kStreams) {
      const std::string packed = FromHex(stream.hex);
      const std::string expected = Sample(stream.bytes);
      for (size_t bit = 0; bit < packed.size() * 8; ++bit, ++bits) {
        std::string damaged = packed;
        damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
        std::string out;
        size_t consumed;
        const bool accepted = Unfold(damaged, stream.bytes, &out, &consumed);
        unnoticed += accepted && out != expected;
      }
    }
    CHECK(bits > 10000);
    CHECK(unnoticed < bits / 1000);  // two letters swapped against two others leave both sums alone
  }

  TEST_CASE("a preset dictionary, a wrong method and a wrong header check are refused") {
    std::string out;
    size_t consumed;
    for (const char* hex : {"78bb000000010300000001", "799c030000000001", "789d030000000001"}) {
      CHECK_FALSE(Unfold(FromHex(hex), 0, &out, &consumed));
    }
    CHECK(Unfold(FromHex("789c030000000001"), 0, &out, &consumed));
  }
}

}  // namespace
}  // namespace causeway::link
