/** Collections to search and to measure on: public data sets by name or from disk, and folders of one's own. @module */
export type { FormOptions } from "./beir.js"
export { type BundledName, openBundled } from "./bundled.js"
export { cacheDirectory } from "./cache.js"
export { type ChunkMetadata, type ChunkOptions, chunk, countWords } from "./chunk.js"
export { meanOfParts } from "./composite.js"
export type {
  Collection,
  CollectionDescription,
  Dataset,
  ReadOptions,
  Relevance,
} from "./dataset.js"
export { type DownloadOptions, download } from "./download.js"
export { type FetchOptions, fetchDataset } from "./fetch.js"
export { type FolderCollection, type FolderOptions, openFolder } from "./folder.js"
export { type OpenOptions, openDataset } from "./open.js"
export { BEIR_BASE_URL, type DatasetEntry, DEFAULT_MEASURES, findEntry, listDatasets } from "./registry.js"
export { datasetStore } from "./store.js"
export { parseTopics } from "./topics.js"
