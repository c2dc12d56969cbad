/** Reports of one or several results: HTML, Markdown, JSON. @module */
export { renderHtml } from "./html.js"
export { renderJson } from "./json.js"
export { renderMarkdown } from "./markdown.js"
export type { ReportOptions } from "./model.js"
