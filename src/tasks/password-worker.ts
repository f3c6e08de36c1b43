/** A job: one password hashed. Runs on a task thread; neither the password nor its hash is kept there. */
import { type HashRequest, hashPassword } from '../password-hash.js'

export function run(request: HashRequest): Uint8Array {
  return hashPassword(request)
}
