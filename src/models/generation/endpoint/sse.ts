/** Server-sent events: the data of each event, from bytes that come in any pieces. @module */
import { StringDecoder } from "node:string_decoder"

/**
 * The data of one event after another; lines end in LF, CRLF or CR, comments and other fields are passed over.
 * An event that the stream breaks off is not given.
 * @see https://html.spec.whatwg.org/multipage/server-sent-events.html
 */
export async function* serverSentEvents(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string, void, void> {
  const decoder = new StringDecoder("utf8")
  let rest = ""
  let data: string[] = []
  for await (const chunk of chunks) {
    rest += decoder.write(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength))
    // A CR at the end may be the first half of CRLF.
    const held = rest.endsWith("\r") ? "\r" : ""
    const lines = rest.slice(0, rest.length - held.length).split(/\r\n|\n|\r/)
    rest = lines.pop()! + held
    for (const line of lines) {
      if (line === "") {
        if (data.length > 0) yield data.join("\n")
        data = []
      } else if (line.startsWith("data:")) data.push(line.slice(line[5] === " " ? 6 : 5))
    }
  }
}
