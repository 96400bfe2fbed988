/* SPDX-License-Identifier: MIT */
/* The module as a file: where it is, and loading and unloading it. */
#ifndef TESTS_PHONE_MODULE_FILE_H
#define TESTS_PHONE_MODULE_FILE_H

/** module_path() - $IDLEGATE_KO, or $B/idlegate/idlegate.ko; without it the case is skipped */
const char *module_path(void);

/** module_load() - Return: 0 or -errno; the device's node is there then */
int module_load(const char *parameters);

/** module_unload() - Return: 0 or -errno, without waiting */
int module_unload(void);

/** module_settle() - until the node has the group and mode of the udev rule, for the tests after */
void module_settle(void);

#endif
