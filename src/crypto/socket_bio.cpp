#include "crypto/socket_bio.h"

#include <sys/socket.h>

#include <cerrno>

namespace ringfence::crypto {

namespace {

int write_without_signal(BIO* bio, const char* data, int size) {
    int fd = -1;
    BIO_get_fd(bio, &fd);
    errno = 0;
    const auto written = static_cast<int>(::send(fd, data, static_cast<std::size_t>(size), MSG_NOSIGNAL));
    BIO_clear_retry_flags(bio);
    if (written <= 0 && BIO_sock_should_retry(written) != 0) BIO_set_retry_write(bio);
    return written;
}

BIO_METHOD* make_method() {
    const BIO_METHOD* socket = BIO_s_socket();
    BIO_METHOD* method =
        BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK | BIO_TYPE_DESCRIPTOR, "socket without SIGPIPE");
    RINGFENCE_ASSERT(method != nullptr);
    BIO_meth_set_write(method, write_without_signal);
    BIO_meth_set_read(method, BIO_meth_get_read(socket));
    BIO_meth_set_puts(method, BIO_meth_get_puts(socket));
    BIO_meth_set_ctrl(method, BIO_meth_get_ctrl(socket));
    BIO_meth_set_create(method, BIO_meth_get_create(socket));
    BIO_meth_set_destroy(method, BIO_meth_get_destroy(socket));
    return method;
}

}  // namespace

BioOwner make_socket_bio(int fd) {
    static const BIO_METHOD* const method = make_method();
    BioOwner bio(BIO_new(method));
    RINGFENCE_ASSERT(bio != nullptr);
    BIO_set_fd(bio.get(), fd, BIO_NOCLOSE);
    return bio;
}

}  // namespace ringfence::crypto
