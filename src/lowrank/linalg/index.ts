/** Linear algebra on small dense matrices, in double precision. @module */
export { gram, type Matrix, matrixOf, transpose } from "./matrix.js"
export { type PrincipalComponents, principalComponents } from "./principal-components.js"
export { type SymmetricEigen, symmetricEigen } from "./symmetric-eigen.js"
export { type ThinSvd, thinSvd } from "./thin-svd.js"
