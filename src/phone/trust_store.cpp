#include "phone/trust_store.h"

#include "phone/flash.h"

namespace ringfence::phone {

Result<TrustStore> TrustStore::load(Flash& flash) {
    TrustStore store;
    for (const auto* file : flash.state().files_of(root_section)) {
        auto bytes = flash.read(*file);
        if (!bytes) return fail(std::move(bytes.error()).within("reading the installed root " + file->name));
        store.add_file(std::move(*bytes));
    }
    return store;
}

void TrustStore::add_file(std::string bytes) {
    anchors_pem_ += bytes;
    if (!anchors_pem_.empty() && anchors_pem_.back() != '\n') anchors_pem_ += '\n';
    files_.insert(std::move(bytes));
}

}  // namespace ringfence::phone
