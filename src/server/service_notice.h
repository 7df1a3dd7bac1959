// SPDX-License-Identifier: Apache-2.0
//
// Tells the service manager how the process is, by systemd's protocol: a datagram to the socket
// that NOTIFY_SOCKET names. Without that variable nobody wants to know.
#pragma once

#include <string_view>

#include "firn/result.h"

namespace firn::server {

// `state` as in sd_notify(3): "READY=1", "STOPPING=1". Does not block. kIo when it could not be
// told.
Result<void> NotifyServiceManager(std::string_view state);

}  // namespace firn::server
