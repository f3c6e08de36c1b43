/** What the HTTP API asks of control, in plain values that cross between threads, and what it is answered. */

export type ApiQuestion =
  | { readonly kind: 'links' }
  | { readonly kind: 'link'; readonly name: string }
  /** `link`: the body, any JSON value. */
  | { readonly kind: 'create-link'; readonly link: unknown }
  /** `link`: the body, any JSON value; its `name`, if there is one, is not looked at. */
  | { readonly kind: 'update-link'; readonly name: string; readonly link: unknown }
  | { readonly kind: 'delete-link'; readonly name: string }
  | { readonly kind: 'link-metrics'; readonly name: string }
  | { readonly kind: 'reset-link-metrics'; readonly name: string }

/** `body` null: none (204). An error's body is `{ code, message }`, as EMQX says it. */
export interface ApiAnswer {
  readonly status: 200 | 201 | 204 | 400 | 404 | 500 | 503
  readonly body: unknown
}
