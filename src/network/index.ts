// How clients reach us. `hosts` says which service a host name means; `ca` (with `certificate` and
// `der`) is the local authority whose leaves `listener` shows, one TLS listener for all services.
// `proxy` leads unchanged clients there without decrypting; `environment` has the variables that
// point every runtime at proxy and authority, `trust-store` the form of the bundle that Java reads; `https-client` is our own way in, without DNS.
// `upstream` is the proxy that the machine itself must use. `files` writes the authority's files so that a crash or a second process does no harm.

export { type CaFaultCode, type Leaf, type LocalCa, openCa } from './ca.ts'
export {
  clientEnvironment,
  formatEnvironment,
  type Shell,
  type Variables,
  writeBundle,
} from './environment.ts'
export { type FoundService, findService, hostsFileLines, type Service } from './hosts.ts'
export { type LocalClient, type LocalReply, openLocalClient } from './https-client.ts'
export {
  type Listener,
  type ListenerOptions,
  openListener,
  type PortFaultCode,
} from './listener.ts'
export { type ConnectProxy, openProxy, type ProxyOptions } from './proxy.ts'
export { writeTrustStore } from './trust-store.ts'
export { findUpstream, type Upstream } from './upstream.ts'
