import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isLinkFilter, parseSubscriptionName, topicLevels } from '../../../src/mqtt/index.js'

test('a shared subscription is taken apart into group and filter [MQTT-4.8.2-1]', () => {
  assert.deepEqual(parseSubscriptionName('$share/g/a/+'), {
    key: '$share/g/a/+',
    filter: 'a/+',
    group: 'g',
  })
  assert.deepEqual(parseSubscriptionName('$share/g//'), {
    key: '$share/g//',
    filter: '/',
    group: 'g',
  })
  assert.deepEqual(parseSubscriptionName('$shared/g'), {
    key: '$shared/g',
    filter: '$shared/g',
    group: null,
  })
})

test('what begins like a shared subscription and is none is refused', () => {
  for (const text of [
    '$share/',
    '$share/g',
    '$share/g/',
    '$share//a',
    '$share/+/a',
    '$share/g#/a',
    '',
  ]) {
    assert.equal(parseSubscriptionName(text), null, text)
  }
})

test('empty levels count as levels', () => {
  assert.deepEqual(['a', '/', 'a/b/c', '//'].map(topicLevels), [1, 2, 3, 3])
})

test('only filters whose first level is $LINK are link filters: wildcards never match it [MQTT-4.7.2-1]', () => {
  assert.deepEqual(['$LINK/#', '$LINK', '$LINK/cluster/x'].map(isLinkFilter), [true, true, true])
  assert.deepEqual(['#', '+/cluster', '$LINKS/a', 'a/$LINK/b'].map(isLinkFilter), [
    false,
    false,
    false,
    false,
  ])
})
