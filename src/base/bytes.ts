const encoder = new TextEncoder()

/** The number of bytes of `text` in UTF-8. */
export function utf8Length(text: string): number {
  return encoder.encode(text).length
}
