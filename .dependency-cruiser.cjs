// Who may import whom: arrows point down the rows of docs/architecture.md only, and there are no circles.
const rows = [
  ["^src/cli/", "^src/integrations/"],
  ["^server/"],
  ["^src/training/", "^src/rag/", "^src/p2p/", "^src/pipelines/"],
  ["^rerankers/", "^datasets/"],
  ["^retrievers/"],
  ["^src/models/", "^src/evaluation/"],
  ["^src/lowrank/"],
  ["^src/onnx/", "^src/text/"],
  ["^src/core/"],
]
const forbidden = [
  { name: "no-circular", severity: "error", from: {}, to: { circular: true } },
  {
    name: "core-imports-no-package",
    severity: "error",
    from: { path: "^src/core/" },
    to: { dependencyTypes: ["npm", "npm-dev", "npm-optional", "npm-peer"] },
  },
  {
    name: "storage-room-serves-all",
    severity: "error",
    from: { path: "^retrievers/storage/" },
    to: { path: "^retrievers/(?!storage/)" },
  },
  {
    name: "inverted-index-knows-no-scoring",
    severity: "error",
    from: { path: "^retrievers/inverted/" },
    to: { path: "^retrievers/(?!inverted/|storage/)" },
  },
  {
    name: "no-dev-dependency",
    severity: "error",
    from: { path: "^(src|retrievers|rerankers|datasets|server)/" },
    to: { dependencyTypes: ["npm-dev"], dependencyTypesNot: ["type-only"] },
  },
]
rows.forEach((row, level) => {
  for (const from of row) {
    const above = rows.slice(0, level).flat()
    const beside = row.filter((path) => path !== from)
    const banned = [...above, ...beside]
    if (banned.length > 0)
      forbidden.push({
        name: `down-only ${from}`,
        severity: "error",
        from: { path: from },
        to: { path: banned.join("|") },
      })
  }
})
module.exports = {
  forbidden,
  options: {
    doNotFollow: { path: "node_modules" },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    enhancedResolveOptions: { exportsFields: ["exports"], conditionNames: ["import", "default", "types"] },
  },
}
