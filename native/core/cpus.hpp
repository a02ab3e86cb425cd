// How many processors the machine grants this process.
#pragma once

namespace clearprop {

int available_cpus();  // by affinity and by the quota of the control group; at least 1

}  // namespace clearprop
