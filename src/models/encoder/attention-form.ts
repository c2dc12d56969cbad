/** How attention is written: one node of ONNX Runtime's own, or nodes of the standard that every runtime and gradient rule knows. */
export type AttentionForm = "fused" | "standard"
