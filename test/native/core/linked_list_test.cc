#include "core/linked_list.h"

#include <doctest/doctest.h>

#include <vector>

namespace causeway {

namespace {

struct Item : Linked<Item> {
  explicit Item(int value) : number(value) {}
  int number;
};

std::vector<int> Emptied(LinkedList<Item>* list) {
  std::vector<int> numbers;
  while (Item* item = list->front()) {
    numbers.push_back(item->number);
    LinkedList<Item>::Remove(item);
  }
  return numbers;
}

}  // namespace

TEST_CASE("entries come out in the order they went in, without those that left") {
  Item one(1), two(2), three(3), four(4);
  LinkedList<Item> list;
  CHECK(list.front() == nullptr);
  for (Item* item : {&one, &two, &three, &four}) list.Append(item);
  LinkedList<Item>::Remove(&one);
  LinkedList<Item>::Remove(&three);
  list.Append(&one);
  CHECK(!three.linked());
  CHECK(Emptied(&list) == std::vector<int>{2, 4, 1});
  CHECK(list.empty());
}

TEST_CASE("one list goes whole behind another, and may be used again") {
  Item one(1), two(2), three(3), four(4);
  LinkedList<Item> list, other;
  list.AppendAll(&other);
  CHECK(list.empty());
  other.Append(&one);
  other.Append(&two);
  list.AppendAll(&other);
  CHECK(other.empty());
  other.Append(&three);
  other.Append(&four);
  LinkedList<Item>::Remove(&two);
  list.AppendAll(&other);
  CHECK(Emptied(&list) == std::vector<int>{1, 3, 4});
}

TEST_CASE("a list that ends lets go of its entries") {
  Item one(1);
  {
    LinkedList<Item> list;
    list.Append(&one);
  }
  CHECK(!one.linked());
}

}  // namespace causeway
