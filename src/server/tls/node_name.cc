// SPDX-License-Identifier: Apache-2.0
#include "server/tls/node_name.h"

#include <openssl/x509v3.h>

#include <memory>
#include <string_view>

namespace firn {

std::string NodeUri(NodeId node) { return "firn:node:" + std::to_string(node.value); }

bool NamesNode(const x509_st& certificate, NodeId node) {
  const auto free_names = [](GENERAL_NAMES* names) { GENERAL_NAMES_free(names); };
  const std::unique_ptr<GENERAL_NAMES, decltype(free_names)> names(
      static_cast<GENERAL_NAMES*>(
          X509_get_ext_d2i(&certificate, NID_subject_alt_name, nullptr, nullptr)),
      free_names);
  const std::string wanted = NodeUri(node);
  for (int i = 0; names != nullptr && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type != GEN_URI) {
      continue;
    }
    const ASN1_IA5STRING* uri = name->d.uniformResourceIdentifier;
    const std::string_view text(reinterpret_cast<const char*>(ASN1_STRING_get0_data(uri)),
                                static_cast<std::size_t>(ASN1_STRING_length(uri)));
    if (text == wanted) {
      return true;
    }
  }
  return false;
}

}  // namespace firn
