/** Offers of connections, to a far end that accepts only. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { decodeOffer, encodeOffer } from '../../../src/link/offer.js'
import { bothWaysClientId, clusterOfOfferTopic, offerTopic } from '../../../src/link/topics.js'

test('an offer survives the way there and back', () => {
  for (const place of [null, 0, 1, 63, 1_023])
    for (const packetBytesMax of [4_096, 1_048_576, 268_435_455]) {
      const offer = { place, packetBytesMax }
      assert.deepEqual(decodeOffer(encodeOffer(offer)), offer)
    }
})

test('what is no offer is null, whatever the bytes', () => {
  for (const text of [
    '',
    'routes',
    'routes ',
    'routes 4095', // less than a link needs
    'routes 99999999999',
    'routes 1048576 ',
    'routes 1048576\n',
    '0 1048576',
    '-1 1048576',
    '01 1048576',
    '10000 1048576',
    `1 ${'1'.repeat(1000)}`,
  ])
    assert.equal(decodeOffer(Buffer.from(text)), null, JSON.stringify(text))
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      const offer = decodeOffer(bytes)
      return offer === null || offer.packetBytesMax >= 4_096
    }),
  )
})

test('the topic names who offers, the client id both and the connection', () => {
  assert.equal(clusterOfOfferTopic(offerTopic('office')), 'office')
  assert.equal(clusterOfOfferTopic('$LINK/x/offer/'), null)
  assert.equal(clusterOfOfferTopic('$LINK/cluster/route/office'), null)
  assert.equal(bothWaysClientId('office', 'plant', 0), 'office:both:plant:1')
})
