import type { Command } from "commander"
import type { Generation, GenerationRequest } from "../../models/generation/index.js"
import type { CliContext } from "../context.js"
import { formatBytes, formatSeconds, plural } from "../format.js"
import { numberBetween, oneOf, wholeNumber } from "../parse.js"

interface GenerateFlags {
  readonly model: string
  readonly prompt?: string
  readonly chat?: string
  readonly system?: string
  readonly prefill?: string
  readonly maxTokens: number
  readonly temperature: number
  readonly topK: number
  readonly topP: number
  readonly minP: number
  readonly repetitionPenalty: number
  readonly stop: readonly string[]
  readonly seed: number
  readonly device?: "auto" | "cpu" | "cuda" | "webgpu"
  readonly precision?: (typeof precisions)[number]
  readonly threads?: number
  readonly maxLength?: number
  readonly json?: true
}

const precisions = ["fp32", "fp16", "int8", "int8-weights", "int4-weights", "blocks"] as const

export function addGenerateCommand(program: Command, context: CliContext): void {
  program
    .command("generate")
    .summary("write text with a language model")
    .description("Continues a prompt, or answers a message, and writes the text as it comes.")
    .requiredOption("--model <dir|file|name>", "a folder with a checkpoint, a GGUF file, or the name of a local model")
    .option("--prompt <text>", "a text to be continued, as it is; special tokens in it are special")
    .option("--chat <text>", "a message to be answered, in the model's chat template")
    .option("--system <text>", "a system message before it")
    .option("--prefill <text>", "what the answer to a message begins with")
    .option("--max-tokens <n>", "most tokens to write", wholeNumber(1), 256)
    .option("--temperature <t>", "0 takes the likeliest token", numberBetween(0), 0)
    .option("--top-k <k>", "only the k likeliest tokens (0: all)", wholeNumber(0), 0)
    .option("--top-p <p>", "only the likeliest tokens that together have this probability", numberBetween(0, 1), 1)
    .option("--min-p <p>", "only tokens of this share of the likeliest one's probability", numberBetween(0, 1), 0)
    .option(
      "--repetition-penalty <x>",
      "above 1: tokens that are there already become less likely",
      numberBetween(0),
      1,
    )
    .option("--stop <text>", "end before this text (may be given again)", collect, [])
    .option("--seed <n>", "of the random numbers", wholeNumber(0), 0)
    .option("--device <name>", "auto, cpu, cuda or webgpu (auto)", oneOf(["auto", "cpu", "cuda", "webgpu"]))
    .option("--precision <name>", `${precisions.join(", ")} (as the checkpoint has it)`, oneOf(precisions))
    .option("--threads <n>", "threads to compute with (the physical cores)", wholeNumber(1))
    .option("--max-length <tokens>", "most tokens of prompt and answer (the model's own limit)", wholeNumber(2))
    .option("--json", "print text, tokens, log-probabilities, speed and peak memory as JSON")
    .addHelpText(
      "after",
      '\nExamples:\n  rankine generate --model SmolLM2-135M-Instruct --chat "What do owls eat?"\n' +
        '  rankine generate --model model.gguf --prompt "Once upon a time" --temperature 0.8 --json',
    )
    .action(async (flags: GenerateFlags) => {
      const [{ RankineError }, { loadLanguageModel }, { peakMemoryBytes }] = await Promise.all([
        import("../../core/index.js"),
        import("../../models/generation/index.js"),
        import("../../pipelines/environment.js"),
      ])
      const { signal } = context
      if ((flags.prompt === undefined) === (flags.chat === undefined))
        throw new RankineError("argument", "give either --prompt, a text to continue, or --chat, a message to answer")
      if (flags.chat === undefined && (flags.system !== undefined || flags.prefill !== undefined))
        throw new RankineError(
          "argument",
          "--system and --prefill belong to a message: give --chat instead of --prompt",
        )
      const begun = performance.now()
      await using model = await loadLanguageModel(flags.model, {
        ...(flags.device === undefined ? {} : { device: flags.device }),
        ...(flags.precision === undefined ? {} : { precision: flags.precision }),
        ...(flags.threads === undefined ? {} : { threads: flags.threads }),
        ...(flags.maxLength === undefined ? {} : { maxLength: flags.maxLength }),
      })
      const loaded = performance.now()
      let first: number | undefined
      let generation: Generation | undefined
      for await (const event of model.stream(requestOf(flags), { signal })) {
        first ??= performance.now()
        if (!flags.json) context.streams.out.write(event.text)
        generation = event.generation ?? generation
      }
      const ended = performance.now()
      const { text, tokenIds = [], logprobs, finishReason, stopText, usage } = generation!
      const prompting = ((first ?? ended) - loaded) / 1000
      const writing = (ended - (first ?? ended)) / 1000
      const result = {
        text,
        tokenIds,
        logprobs: logprobs?.map(({ logprob }) => logprob),
        finishReason,
        ...(stopText === undefined ? {} : { stopText }),
        promptTokens: usage.promptTokens,
        promptTokensPerSecond: rate(usage.promptTokens, prompting),
        // The first token comes out of reading the prompt.
        tokensPerSecond: rate(tokenIds.length - 1, writing),
        loadSeconds: (loaded - begun) / 1000,
        device: model.device,
        peakMemoryBytes: peakMemoryBytes(),
      }
      if (flags.json) return context.json({ model: model.name, ...result })
      context.print()
      context.note(
        context.style.dim(
          `${plural(usage.promptTokens, "token")} read at ${result.promptTokensPerSecond.toFixed(0)} a second, ` +
            `${plural(tokenIds.length, "token")} written at ${result.tokensPerSecond.toFixed(1)} a second; ` +
            `${model.name} on ${model.device}, loading ${formatSeconds(result.loadSeconds)}, peak memory ${formatBytes(result.peakMemoryBytes)}`,
        ),
      )
      if (finishReason === "length" || finishReason === "context")
        context.note(
          context.style.dim(
            finishReason === "length" ? "Cut at --max-tokens." : "Cut where the model can read no further.",
          ),
        )
    })
}

function requestOf(flags: GenerateFlags): GenerationRequest {
  const {
    prompt,
    chat = "",
    system,
    prefill,
    maxTokens,
    temperature,
    topK,
    topP,
    minP,
    repetitionPenalty,
    stop,
    seed,
  } = flags
  const settings = {
    maxTokens,
    temperature,
    topK,
    topP,
    minP,
    repetitionPenalty,
    stop,
    seed,
    logprobs: flags.json === true,
  }
  if (prompt !== undefined) return { prompt, ...settings }
  const messages = [
    ...(system === undefined ? [] : [{ role: "system", content: system }]),
    { role: "user", content: chat },
  ]
  return { messages, ...(prefill === undefined ? {} : { prefill }), ...settings }
}

function rate(count: number, seconds: number): number {
  return seconds > 0 && count > 0 ? count / seconds : 0
}

function collect(value: string, before: readonly string[]): string[] {
  return [...before, value]
}
