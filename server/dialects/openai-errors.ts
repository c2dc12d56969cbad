/** The errors of OpenAI's form, which vLLM has too. @module */
import { errorForms } from "./shared.js"

const TYPES: Readonly<Record<number, string>> = {
  401: "authentication_error",
  404: "not_found_error",
  429: "rate_limit_error",
  499: "request_cancelled",
}

export const openAiErrors = errorForms((status, message, _requestId, problem) => ({
  error: {
    message,
    type: TYPES[status] ?? (status >= 500 ? "server_error" : "invalid_request_error"),
    param: problem?.issues[0]?.path.join(".") || null,
    code: status,
  },
}))
