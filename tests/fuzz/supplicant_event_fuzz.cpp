// What wpa_supplicant says, line by line, to a phone that logs in: a certificate that a stranger made stands in it.
// What is told of it is printable and short, and whatever comes, the phone is in or out, and says so on its display.
#include <cstdint>
#include <string_view>

#include "base/text.h"
#include "phone/port_login.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace ringfence;
    using namespace ringfence::phone;
    SeededRandom random(size);
    PortLogin login(PortMode::tls, random);
    SteadyTime now{};
    login.see_supplicant({}, now);
    login.see_link(LinkState::up, now);
    for (const auto line : split(std::string_view(reinterpret_cast<const char*>(data), size), '\n')) {
        const auto event = parse_supplicant_event(line);
        const bool is_told = event.kind != SupplicantEvent::Kind::certificate;
        RINGFENCE_ASSERT(!is_told || (printable(event.text) == event.text && event.text.size() <= 600));
        login.hear(event, now);
        now += std::chrono::seconds(5);
        login.tick(now);
        RINGFENCE_ASSERT(login.server_chain().size() <= longest_server_chain);
        RINGFENCE_ASSERT(login.has_network() == (login.state() == PortState::open));
        RINGFENCE_ASSERT(login.display().empty() == (login.state() != PortState::closed));
        RINGFENCE_ASSERT(login.state() == PortState::open || login.deadline());
        for (const auto& told : login.take_events()) RINGFENCE_ASSERT(told.text.size() <= 1000);
        login.take_commands();
    }
    return 0;
}
