import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  isLinkFilter,
  isShared,
  isSysFilter,
  parseSubscriptionName,
  topicLevels,
} from '../../../src/mqtt/index.js'

test('a shared subscription is taken apart into group and filter [MQTT-4.8.2-1]', () => {
  assert.deepEqual(parseSubscriptionName('$share/g/a/+'), {
    text: '$share/g/a/+',
    key: '$share/g/a/+',
    filter: 'a/+',
    group: 'g',
    exclusive: false,
  })
  assert.deepEqual(parseSubscriptionName('$share/g//'), {
    text: '$share/g//',
    key: '$share/g//',
    filter: '/',
    group: 'g',
    exclusive: false,
  })
  assert.deepEqual(parseSubscriptionName('$shared/g'), {
    text: '$shared/g',
    key: '$shared/g',
    filter: '$shared/g',
    group: null,
    exclusive: false,
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
    '$share/g/$exclusive/a',
    '$queue/',
    '$queue/$share/g/a',
    '$exclusive/',
    '$exclusive/$queue/a',
    '',
  ]) {
    assert.equal(parseSubscriptionName(text), null, text)
  }
})

test('$queue/ is the group of that name, and the same subscription as its long form', () => {
  const short = parseSubscriptionName('$queue/a/+')
  const long = parseSubscriptionName('$share/$queue/a/+')
  assert.deepEqual([short?.group, short?.filter], ['$queue', 'a/+'])
  assert.deepEqual([long?.group, long?.filter, long?.key], ['$queue', 'a/+', short?.key])
  assert.deepEqual(['$queue/a', '$share/g/a', '$exclusive/a', 'a'].map(isShared), [
    true,
    true,
    false,
    false,
  ])
})

test('$exclusive/ names the plain filter, and the same subscription as that one', () => {
  const exclusive = parseSubscriptionName('$exclusive/a/#')
  assert.deepEqual(
    [exclusive?.filter, exclusive?.key, exclusive?.group, exclusive?.exclusive],
    ['a/#', 'a/#', null, true],
  )
  assert.equal(parseSubscriptionName('$exclusive')?.exclusive, false)
})

test('only filters whose first level is $SYS are about the broker', () => {
  assert.deepEqual(['$SYS/#', '$SYS', '#', '+/brokers', '$SYSTEM/a'].map(isSysFilter), [
    true,
    true,
    false,
    false,
    false,
  ])
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
