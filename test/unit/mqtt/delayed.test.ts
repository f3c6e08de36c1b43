import assert from 'node:assert/strict'
import { test } from 'node:test'
import { destinationOf } from '../../../src/mqtt/index.js'

test('a delayed topic is judged by where its message goes in the end', () => {
  assert.equal(destinationOf('a/b'), 'a/b')
  assert.equal(destinationOf('$delayed/15/a/b'), 'a/b')
  assert.equal(destinationOf('$delayed/15/$LINK/x'), '$LINK/x')
  assert.equal(destinationOf('$delayed/1//'), '/')
})

test('a delay without a number or a topic goes nowhere', () => {
  for (const topic of [
    '$delayed/',
    '$delayed/15',
    '$delayed/15/',
    '$delayed/x/a',
    '$delayed/-1/a',
    '$delayed//a',
    '$delayed/1/$delayed/1/a',
  ]) {
    assert.equal(destinationOf(topic), null, topic)
  }
})
