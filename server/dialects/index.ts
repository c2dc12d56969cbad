/** All dialects, in the order in which they are asked whether a body is theirs. @module */
import type { Dialect } from "../http/route.js"
import { cohere } from "./cohere.js"
import { jina } from "./jina.js"
import { mixedbread } from "./mixedbread.js"
import { openai } from "./openai.js"
import { tei } from "./tei.js"
import { vllm } from "./vllm.js"
import { voyage } from "./voyage.js"

export const dialects: readonly Dialect[] = [tei, cohere, jina, vllm, voyage, mixedbread, openai]
