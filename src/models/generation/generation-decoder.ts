import type { DecoderConfig } from "../decoder/config.js"
import type { DecoderSession } from "../decoder/session.js"

/** The part of a decoder's session that generation uses. */
export interface GenerationDecoder
  extends AsyncDisposable,
    Pick<
      DecoderSession,
      | "read"
      | "createCache"
      | "selectRows"
      | "contextLength"
      | "cacheBytesPerToken"
      | "checksum"
      | "precision"
      | "device"
      | "deviceReason"
    > {
  readonly config: Pick<DecoderConfig, "vocabulary" | "endIds">
}
