/** How attention is written: one node of ONNX Runtime's own, or nodes of the standard that every runtime and gradient rule knows. */
export type AttentionForm = "fused" | "standard"

/** What keeps tokens from looking at padding: a mask of keys, or numbers that are added to the scores. */
export type Padding = "mask" | "bias"
