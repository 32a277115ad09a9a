// SPDX-License-Identifier: Apache-2.0

// How a script speaks with its test: in lines of JSON. The first that it reads are its settings. Each line that it writes is answered.
import { createInterface } from 'node:readline'
import { webcrypto } from 'node:crypto'

globalThis.crypto ??= webcrypto // Node.js 18 does not have it there
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]()
const read = async () => JSON.parse((await lines.next()).value)

export const settings = await read()
export const ask = async (report) => {
  console.log(JSON.stringify(report))
  return (await read()).back
}
