/** The part of lmdb that is used: its synchronous calls. Stated here, so that our types do not need an optional package. */
export interface Lmdb {
  open(
    options: DatabaseOptions & { readonly path: string; readonly noSubdir: boolean; readonly maxDbs: number },
  ): Database
}

interface DatabaseOptions {
  readonly encoding: "binary"
  readonly keyEncoding: "binary"
  readonly cache: false
}

export interface Database {
  openDB(options: DatabaseOptions & { readonly name: string }): Database
  getBinary(key: Buffer): Buffer | undefined
  putSync(key: Buffer, value: Buffer): void
  clearSync(): void
  transactionSync<Result>(action: () => Result): Result
  getStats(): {
    readonly pageSize: number
    readonly treeBranchPageCount: number
    readonly treeLeafPageCount: number
    readonly overflowPages: number
    readonly entryCount: number
  }
  close(): Promise<void>
}
