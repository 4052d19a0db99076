/*
 * The language server, loaded only by its command. server speaks the protocol and keeps the open
 * documents; workspace knows which files belong together and reads them; diagnose compiles the
 * pipelines among them; convert puts the compiler's answers into the protocol's words.
 * What the answers are is decided in compiler/editor.
 */
export { serveEditor } from './server.ts'
