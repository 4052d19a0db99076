/** Keys, backup and restore: the files of the server that are loaded for these commands only. */
export async function maintenance() {
  return (await import('../server/index.ts')).maintenance()
}
