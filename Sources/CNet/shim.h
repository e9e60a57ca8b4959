#pragma once
#if !__has_include(<event2/event.h>)
#error "libevent is missing: apt-get install libevent-dev"
#endif
#if !__has_include(<openssl/ssl.h>)
#error "OpenSSL is missing: apt-get install libssl-dev"
#endif
#include <errno.h>
#include <fcntl.h>
#include <event2/event.h>
#include <linux/sockios.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
// One-shot digests without fetching an algorithm each time; the library keeps them for as long as 3.x lasts.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

// glibc shows accept4 only with _GNU_SOURCE, and a system module that defines it clashes with the others (fd_set differs).
extern int accept4(int listener, struct sockaddr *address, socklen_t *length, int flags);

/// The next connection, non-blocking and closed on exec, or -1 with errno.
static inline int cnet_accept(int listener) { return accept4(listener, 0, 0, SOCK_NONBLOCK | SOCK_CLOEXEC); }

/// Another descriptor, closed on exec, of the same open socket, or -1 with errno. fcntl is variadic.
static inline int cnet_duplicate(int descriptor) { return fcntl(descriptor, F_DUPFD_CLOEXEC, 0); }

/// Bytes that were sent and that the peer's system has not acknowledged (tcp(7)); ioctl is variadic.
static inline int cnet_unacknowledged(int socket) {
  int count = 0;
  return ioctl(socket, SIOCOUTQ, &count) == 0 ? count : 0;
}

// MARK: OpenSSL's function-like macros, and what takes a callback.

/// TLS 1.2 at least; returns 1, or 0 where it cannot be.
static inline int cnet_tls_set_minimum(SSL_CTX *context) {
  return (int)SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
}

/// A write may take a part of the bytes, and go on later from other memory with the same bytes; what an idle connection does not need is
/// given back.
static inline void cnet_tls_set_modes(SSL_CTX *context) {
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_read_ahead(context, 1);
}

/// No cache of sessions: tickets alone.
static inline void cnet_tls_disable_cache(SSL_CTX *context) {
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
}

static inline int cnet_tls_set_name(SSL *session, const char *name) {
  return (int)SSL_set_tlsext_host_name(session, name);
}

static inline int cnet_tls_no_passphrase(char *text, int size, int writing, void *context) { return -1; }

/// A key behind a passphrase is refused, instead of asking for it at the terminal.
static inline void cnet_tls_refuse_passphrases(SSL_CTX *context) {
  SSL_CTX_set_default_passwd_cb(context, cnet_tls_no_passphrase);
}

/// Protocols as RFC 7301 writes them: each with its length before it.
typedef struct {
  const unsigned char *bytes;
  unsigned count;
} cnet_protocols;

static inline int cnet_tls_choose(SSL *session, const unsigned char **out, unsigned char *out_count, const unsigned char *offered,
                                  unsigned offered_count, void *context) {
  const cnet_protocols *own = (const cnet_protocols *)context;
  int found = SSL_select_next_proto((unsigned char **)out, out_count, own->bytes, own->count, offered, offered_count);
  return found == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

/// A server's protocols, the best first; a client that offers none of them is refused. `own` must outlive the context's connections.
static inline void cnet_tls_set_protocols(SSL_CTX *context, const cnet_protocols *own) {
  SSL_CTX_set_alpn_select_cb(context, cnet_tls_choose, (void *)own);
}

/// The code of the first error on this thread since they were cleared; 0: none.
static inline unsigned long cnet_tls_first_error(void) { return ERR_peek_error(); }

/// The reason among those of TLS itself (SSL_R_...), or 0 where another part of OpenSSL gives it.
static inline int cnet_tls_reason_code(unsigned long error) {
  return ERR_GET_LIB(error) == ERR_LIB_SSL ? ERR_GET_REASON(error) : 0;
}

/// When the certificate expires, in Unix seconds, or -1.
static inline long long cnet_certificate_expiry(const X509 *certificate) {
  struct tm time;
  if (ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &time) != 1) return -1;
  return (long long)timegm(&time);
}

static inline int cnet_name_count(const GENERAL_NAMES *names) { return sk_GENERAL_NAME_num(names); }
static inline const GENERAL_NAME *cnet_name(const GENERAL_NAMES *names, int index) {
  return sk_GENERAL_NAME_value(names, index);
}
/// The text of a DNS name or a URI; null for names of other kinds: what people choose for themselves, as email addresses, authorities may
/// put beside whom they vouch for.
static inline const ASN1_IA5STRING *cnet_name_text(const GENERAL_NAME *name) {
  int kind = 0;
  void *value = GENERAL_NAME_get0_value(name, &kind);
  return kind == GEN_DNS || kind == GEN_URI ? (const ASN1_IA5STRING *)value : 0;
}

/// SHA-256 of the bytes, into 32 bytes.
static inline void cnet_sha256(const void *bytes, size_t count, unsigned char *digest) {
  SHA256_CTX context;
  SHA256_Init(&context);
  SHA256_Update(&context, bytes, count);
  SHA256_Final(digest, &context);
  OPENSSL_cleanse(&context, sizeof context);
}

// A name of glibc that is a macro.
static inline long long cnet_modified_ns(const struct stat *status) {
  return (long long)status->st_mtim.tv_sec * 1000000000 + status->st_mtim.tv_nsec;
}
