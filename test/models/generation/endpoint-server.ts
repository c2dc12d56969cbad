/** An OpenAI-compatible server that does what a test tells it to, and one that a local model stands behind. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import type { LocalLanguageModel } from "../../../src/models/generation/local-language-model.js"

/** Fields that tests and the model behind the server look into. */
interface Body {
  readonly messages: readonly { readonly role: string; readonly content: string }[]
  readonly prompt: string | readonly number[]
  readonly max_tokens: number
  readonly temperature: number
  readonly top_p?: number
  readonly top_k?: number
  readonly seed?: number
  readonly stop?: readonly string[]
  readonly logprobs?: number
  readonly echo?: boolean
  readonly allowed_token_ids?: readonly number[]
  readonly return_tokens_as_token_ids?: boolean
}

export interface Asked {
  readonly path: string
  readonly headers: IncomingMessage["headers"]
  readonly body: Body
}

export type Handler = (asked: Asked, response: ServerResponse, count: number) => void | Promise<void>

export interface TestServer extends AsyncDisposable {
  readonly baseUrl: string
  readonly asked: Asked[]
  /** Most requests that were open at once. */
  readonly atOnce: number
}

export async function serve(handler: Handler): Promise<TestServer> {
  const asked: Asked[] = []
  let open = 0
  let atOnce = 0
  const server = createServer(async (request, response) => {
    atOnce = Math.max(atOnce, ++open)
    response.on("close", () => open--)
    let text = ""
    for await (const chunk of request) text += chunk
    const one = { path: request.url ?? "", headers: request.headers, body: JSON.parse(text || "{}") as Body }
    asked.push(one)
    await handler(one, response, asked.length)
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  return {
    baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    asked,
    get atOnce() {
      return atOnce
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

export function json(
  response: ServerResponse,
  value: unknown,
  status = 200,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { "content-type": "application/json", ...headers })
  response.end(JSON.stringify(value))
}

export const usage = { prompt_tokens: 7, completion_tokens: 2, prompt_tokens_details: { cached_tokens: 3 } }

export function chatAnswer(content: string, rest: object = {}): object {
  return { choices: [{ index: 0, message: { role: "assistant", content }, finish_reason: "stop", ...rest }], usage }
}

export function events(response: ServerResponse, parts: readonly unknown[], end = "data: [DONE]\n\n"): void {
  response.writeHead(200, { "content-type": "text/event-stream; charset=utf-8" })
  for (const part of parts) response.write(`data: ${JSON.stringify(part)}\n\n`)
  response.end(end)
}

export const delta = (content: string, finish: string | null = null) => ({
  choices: [{ index: 0, delta: { content }, finish_reason: finish }],
})

/** Answers plain prompts, as text or tokens, in vLLM's form: log-probabilities in four lists, prompts repeated where that is asked for. */
export function behind(model: LocalLanguageModel): Handler {
  return async ({ body }, response) => {
    const [answer] = await model.generate([
      {
        prompt: body.prompt,
        maxTokens: body.max_tokens,
        temperature: body.temperature,
        topP: body.top_p ?? 1,
        topK: body.top_k ?? 0,
        seed: body.seed ?? 0,
        stop: body.stop ?? [],
        logprobs: body.logprobs ?? false,
        ...(body.allowed_token_ids ? { allowedTokens: body.allowed_token_ids } : {}),
      },
    ])
    const before = body.echo ? model.codec.encode({ prompt: body.prompt }) : []
    const likelihoods = await Promise.all(
      before.slice(1).map((id, at) => model.scoreTokens([{ prompt: before.slice(0, at + 1) }], [id])),
    )
    const name = (id: number) => (body.return_tokens_as_token_ids ? `token_id:${id}` : model.codec.textOf(id))
    const ids = [...before, ...(answer!.tokenIds ?? [])]
    const logprobs =
      body.logprobs === undefined
        ? null
        : {
            tokens: ids.map(name),
            token_logprobs: [
              ...before.map((_, at) => (at === 0 ? null : likelihoods[at - 1]![0]!.logprobs[0]!)),
              ...answer!.logprobs!.map(({ logprob }) => logprob),
            ],
            top_logprobs: [
              ...before.map(() => null),
              ...answer!.logprobs!.map(({ top }) =>
                Object.fromEntries(top.map(({ id, logprob }) => [name(id!), logprob])),
              ),
            ],
          }
    json(response, {
      choices: [
        {
          index: 0,
          text: answer!.text,
          finish_reason: answer!.finishReason === "length" ? "length" : "stop",
          stop_reason: answer!.stopText ?? null,
          token_ids: answer!.tokenIds,
          logprobs,
        },
      ],
      usage: { prompt_tokens: answer!.usage.promptTokens, completion_tokens: answer!.usage.completionTokens },
    })
  }
}
