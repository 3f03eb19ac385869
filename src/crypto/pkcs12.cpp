#include "crypto/pkcs12.h"

#include <openssl/provider.h>

#include <algorithm>

#include "base/text.h"
#include "crypto/openssl.h"

namespace ringfence::crypto {

namespace {

constexpr int written_iterations = 2048;  // OpenSSL's own default; bearable for a small processor
constexpr std::string_view password_alphabet = "abcdefghijkmnpqrstuvwxyz23456789";  // without l, o, 0, 1: 5 bits each
static_assert(password_alphabet.size() == 32);

using Pkcs12Owner = Owner<PKCS12, PKCS12_free>;

bool is_typeable(char c) {
    constexpr std::string_view marks = "_-.!@$%&+:^";
    return is_ascii_digit(c) || (to_lower(c) >= 'a' && to_lower(c) <= 'z') || marks.find(c) != marks.npos;
}

void release_safes(STACK_OF(PKCS7) * safes) { sk_PKCS7_pop_free(safes, PKCS7_free); }
void release_bags(STACK_OF(PKCS12_SAFEBAG) * bags) { sk_PKCS12_SAFEBAG_pop_free(bags, PKCS12_SAFEBAG_free); }

using SafesOwner = Owner<STACK_OF(PKCS7), release_safes>;
using BagsOwner = Owner<STACK_OF(PKCS12_SAFEBAG), release_bags>;
using KeyInfoOwner = Owner<PKCS8_PRIV_KEY_INFO, PKCS8_PRIV_KEY_INFO_free>;
using Pbes2Owner = Owner<PBE2PARAM, PBE2PARAM_free>;
using Pbkdf2Owner = Owner<PBKDF2PARAM, PBKDF2PARAM_free>;
using PbeOwner = Owner<PBEPARAM, PBEPARAM_free>;

constexpr std::size_t max_friendly_name = 256;

// RC2, in which Windows and OpenSSL before 3.0 write, stands in OpenSSL's legacy provider. It is loaded here alone, so
// that nothing else of the program can meet its algorithms. Lives as long as the program; null: OpenSSL failed.
OSSL_LIB_CTX* old_algorithms() {
    static OSSL_LIB_CTX* const context = [] {
        OSSL_LIB_CTX* made = OSSL_LIB_CTX_new();
        if (made == nullptr) return made;
        OSSL_PROVIDER_load(made, "default");
        OSSL_PROVIDER_load(made, "legacy");  // where it is not installed, the other forms are read all the same
        ERR_clear_error();
        return made;
    }();
    return context;
}

Fault malformed(std::string_view what) { return Fault{FaultCode::malformed, "the PKCS#12 file " + std::string(what)}; }

std::size_t to_count(const ASN1_INTEGER* integer) {
    const long count = ASN1_INTEGER_get(integer);
    ERR_clear_error();
    return count < 0 ? max_pkcs12_iterations + 1 : static_cast<std::size_t>(count);  // negative: too large for a long
}

// Only PBKDF2: scrypt's cost has three dimensions.
Result<std::size_t> iterations_of_pbes2(const ASN1_TYPE* parameter) {
    const Pbes2Owner pbes2(static_cast<PBE2PARAM*>(ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(PBE2PARAM), parameter)));
    if (pbes2 == nullptr || OBJ_obj2nid(pbes2->keyfunc->algorithm) != NID_id_pbkdf2) {
        return fail(malformed("is encrypted in a way that is not taken"));
    }
    const Pbkdf2Owner pbkdf2(
        static_cast<PBKDF2PARAM*>(ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(PBKDF2PARAM), pbes2->keyfunc->parameter)));
    if (pbkdf2 == nullptr) return fail(malformed("is encrypted in a way that is not taken"));
    return to_count(pbkdf2->iter);
}

Result<std::size_t> iterations_of(const X509_ALGOR* encryption) {
    switch (OBJ_obj2nid(encryption->algorithm)) {
        case NID_pbes2: return iterations_of_pbes2(encryption->parameter);
        case NID_pbe_WithSHA1And3_Key_TripleDES_CBC:
        case NID_pbe_WithSHA1And2_Key_TripleDES_CBC:
        case NID_pbe_WithSHA1And40BitRC2_CBC:
        case NID_pbe_WithSHA1And128BitRC2_CBC: break;
        default: return fail(malformed("is encrypted in a way that is not taken"));
    }
    const PbeOwner pbe(
        static_cast<PBEPARAM*>(ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(PBEPARAM), encryption->parameter)));
    if (pbe == nullptr) return fail(malformed("is encrypted in a way that is not taken"));
    return pbe->iter != nullptr ? to_count(pbe->iter) : std::size_t{1};
}

// Reads one file: the MAC first, then its safes and their bags. What is found gathers in `keys` and `certificates`.
class Reader {
public:
    explicit Reader(const Secret& password) : password_(password) {}

    Result<Pkcs12Content> read(std::string_view bytes) {
        if (auto done = parse(bytes); !done) return fail(std::move(done).error());
        if (auto done = check_mac(); !done) return fail(std::move(done).error());
        if (auto done = read_safes(); !done) return fail(std::move(done).error());
        return assemble();
    }

private:
    struct Named {
        Certificate certificate;
        std::string name;
    };

    Status parse(std::string_view bytes) {
        if (old_algorithms() == nullptr) return fail(openssl_fault("reading a PKCS#12 file"));
        // What is parsed into a structure of this context decrypts there.
        PKCS12* store = PKCS12_init_ex(NID_pkcs7_data, old_algorithms(), nullptr);
        const auto* cursor = reinterpret_cast<const unsigned char*>(bytes.data());
        const auto* const end = cursor + bytes.size();
        const bool parsed = store != nullptr && d2i_PKCS12(&store, &cursor, static_cast<long>(bytes.size())) != nullptr;
        store_.reset(store);
        ERR_clear_error();
        if (!parsed || cursor != end) return fail(FaultCode::malformed, "this is not a PKCS#12 file");
        return {};
    }

    // Counts what a derivation is about to cost.
    Status spend(Result<std::size_t> iterations) {
        if (!iterations) return fail(std::move(iterations).error());
        if (*iterations == 0) return fail(malformed("asks for no rounds of key derivation"));
        if (*iterations > iterations_left_) {
            return fail(FaultCode::too_large, "the PKCS#12 file asks for too many rounds of key derivation");
        }
        iterations_left_ -= *iterations;
        return {};
    }

    Status check_mac() {
        if (PKCS12_mac_present(store_.get()) != 1) return fail(malformed("carries no MAC, so that nothing proves it"));
        const ASN1_INTEGER* rounds = nullptr;
        PKCS12_get0_mac(nullptr, nullptr, nullptr, &rounds, store_.get());
        if (auto spent = spend(rounds != nullptr ? to_count(rounds) : std::size_t{1}); !spent) return spent;
        const std::string_view password = password_.reveal();
        bool holds = PKCS12_verify_mac(store_.get(), password_text(), static_cast<int>(password.size())) == 1;
        if (!holds && password.empty()) {
            // RFC 7292 leaves open whether no password is no bytes or two zero bytes, and programs differ.
            no_password_is_no_bytes_ = true;
            holds = PKCS12_verify_mac(store_.get(), nullptr, 0) == 1;
        }
        ERR_clear_error();
        if (!holds) return fail(FaultCode::unauthenticated, "the password does not open the PKCS#12 file");
        return {};
    }

    Status read_safes() {
        const SafesOwner safes(PKCS12_unpack_authsafes(store_.get()));
        ERR_clear_error();
        if (safes == nullptr) return fail(malformed("is damaged inside"));
        for (int i = 0; i < sk_PKCS7_num(safes.get()); ++i) {
            auto bags = open_safe(sk_PKCS7_value(safes.get(), i));
            if (!bags) return fail(std::move(bags).error());
            for (int j = 0; j < sk_PKCS12_SAFEBAG_num(bags->get()); ++j) {
                if (auto done = read_bag(sk_PKCS12_SAFEBAG_value(bags->get(), j)); !done) return done;
            }
        }
        return {};
    }

    Result<BagsOwner> open_safe(PKCS7* safe) {
        BagsOwner bags;
        if (PKCS7_type_is_data(safe)) {
            bags.reset(PKCS12_unpack_p7data(safe));
        } else if (PKCS7_type_is_encrypted(safe) && safe->d.encrypted != nullptr) {
            if (auto spent = spend(iterations_of(safe->d.encrypted->enc_data->algorithm)); !spent) {
                return fail(std::move(spent).error());
            }
            bags.reset(PKCS12_unpack_p7encdata(safe, password_text(), password_size()));
        }
        ERR_clear_error();
        if (bags == nullptr) return fail(malformed("is damaged inside, or encrypted in a way that is not taken"));
        return bags;
    }

    // Bags of other kinds (lists of revoked certificates, other secrets) are passed over.
    Status read_bag(PKCS12_SAFEBAG* bag) {
        switch (PKCS12_SAFEBAG_get_nid(bag)) {
            case NID_keyBag: return read_key(PKCS12_SAFEBAG_get0_p8inf(bag));
            case NID_pkcs8ShroudedKeyBag: return open_key(bag);
            case NID_certBag: return read_certificate(bag);
            default: return {};
        }
    }

    Status open_key(PKCS12_SAFEBAG* bag) {
        const X509_ALGOR* encryption = nullptr;
        X509_SIG_get0(PKCS12_SAFEBAG_get0_pkcs8(bag), &encryption, nullptr);
        if (auto spent = spend(iterations_of(encryption)); !spent) return spent;
        const KeyInfoOwner info(
            PKCS12_decrypt_skey_ex(bag, password_text(), password_size(), old_algorithms(), nullptr));
        ERR_clear_error();
        return read_key(info.get());
    }

    Status read_key(const PKCS8_PRIV_KEY_INFO* info) {
        // Into the program's own context, whose algorithms the key is used with.
        const KeyOwner key(info != nullptr ? EVP_PKCS82PKEY(info) : nullptr);
        ERR_clear_error();
        if (key == nullptr) return fail(malformed("holds a private key that cannot be read"));
        keys_.push_back(PrivateKey::share(key.get()));
        if (keys_.size() > 1) return fail(malformed("holds more than one private key"));
        if (keys_.back().kind() == KeyKind::other) return fail(malformed("holds a key that is neither RSA nor EC"));
        return {};
    }

    Status read_certificate(PKCS12_SAFEBAG* bag) {
        if (PKCS12_SAFEBAG_get_bag_nid(bag) != NID_x509Certificate) return {};
        const X509Owner parsed(PKCS12_SAFEBAG_get1_cert(bag));
        ERR_clear_error();
        if (parsed == nullptr) return fail(malformed("holds a certificate that cannot be read"));
        // Into the program's own context, as the key.
        const auto certificate = Certificate::parse_der(Certificate::share(parsed.get()).to_der());
        if (!certificate) return fail(certificate.error());
        const BytesOwner<char> name(PKCS12_get_friendlyname(bag));
        ERR_clear_error();
        std::string shown = name != nullptr ? name.get() : "";
        if (shown.size() > max_friendly_name) shown.resize(max_friendly_name);
        certificates_.push_back({*certificate, std::move(shown)});
        return {};
    }

    Result<Pkcs12Content> assemble() const {
        if (keys_.empty()) return fail(malformed("holds no private key"));
        if (certificates_.empty()) return fail(malformed("holds no certificate"));
        const PrivateKey& key = keys_.front();
        const auto own = std::find_if(certificates_.begin(), certificates_.end(),
                                      [&key](const Named& one) { return key.matches(one.certificate); });
        if (own == certificates_.end()) {
            return fail(FaultCode::conflict, "the key in the PKCS#12 file belongs to none of its certificates");
        }
        Pkcs12Content content{key, own->certificate, {}, own->name};
        for (const Named& one : certificates_) {
            if (!(one.certificate == own->certificate)) content.chain.push_back(one.certificate);
        }
        return content;
    }

    const char* password_text() const {
        if (no_password_is_no_bytes_) return nullptr;
        return password_.empty() ? "" : password_.reveal().data();
    }
    int password_size() const { return static_cast<int>(password_.reveal().size()); }

    const Secret& password_;
    Pkcs12Owner store_;
    bool no_password_is_no_bytes_ = false;
    std::size_t iterations_left_ = max_pkcs12_iterations;
    std::vector<PrivateKey> keys_;
    std::vector<Named> certificates_;
};

}  // namespace

bool is_typeable_password(std::string_view password) {
    return !password.empty() && password.size() <= max_pkcs12_password &&
           std::all_of(password.begin(), password.end(), is_typeable);
}

Secret make_pkcs12_password(Random& random) { return Secret(random.text(max_pkcs12_password, password_alphabet)); }

Result<Pkcs12Content> parse_pkcs12(std::string_view bytes, const Secret& password) {
    if (bytes.size() > max_pkcs12_size) return fail(FaultCode::too_large, "a PKCS#12 file is larger than 64 kB");
    return Reader(password).read(bytes);
}

Result<std::string> format_pkcs12(const Pkcs12Content& content, const Secret& password) {
    if (!is_typeable_password(password.reveal())) {
        return fail(FaultCode::malformed,
                    "a PKCS#12 password has 1 to 12 characters: letters, digits and _ - . ! @ $ % & + : ^");
    }
    if (!content.key.matches(content.certificate)) {
        return fail(FaultCode::conflict, "the key does not belong to the certificate");
    }
    std::string typed(password.reveal());
    const X509StackOwner chain = make_stack(content.chain);
    constexpr int old_encryption = NID_pbe_WithSHA1And3_Key_TripleDES_CBC;
    constexpr int no_mac_yet = -1;  // PKCS12_create would make the MAC with SHA-256
    const Pkcs12Owner store(PKCS12_create(typed.c_str(), content.friendly_name.c_str(), content.key.native(),
                                          content.certificate.native(), chain.get(), old_encryption, old_encryption,
                                          written_iterations, no_mac_yet, 0));
    const bool sealed = store != nullptr &&
                        PKCS12_set_mac(store.get(), typed.c_str(), -1, nullptr, 0, written_iterations, EVP_sha1()) == 1;
    wipe(typed);
    const BioOwner bio = make_memory_bio();
    if (!sealed || i2d_PKCS12_bio(bio.get(), store.get()) != 1) return fail(openssl_fault("making a PKCS#12 file"));
    return take_bytes(bio.get());
}

}  // namespace ringfence::crypto
