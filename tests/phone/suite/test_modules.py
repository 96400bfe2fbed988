#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The phone's own sensors do what a real phone's do: what the test modules are told is what the
kernel's frameworks show, and a uevent, a thermal netlink event and a tracepoint tell of it. The
other tests stand on this one. It leaves everything as it was.
"""
import errno
import glob
import os
import sys
import time

from netlink import Family, Uevents, number, text

SUPPLY = "/sys/class/power_supply"
BATTERY = "/sys/kernel/vbattery"
THERMAL = "/sys/kernel/vthermal"
TRACING = "/sys/kernel/tracing"
EVENT_CREATE, EVENT_DELETE, EVENT_TRIP_UP, EVENT_TRIP_DOWN = 1, 2, 5, 6
TZ_ID, TZ_TRIP_ID, TZ_NAME = 2, 5, 10


def read(path):
    with open(path, encoding="ascii") as f:
        return f.read().strip()


def write(path, value):
    with open(path, "w", encoding="ascii") as f:
        f.write(f"{value}\n")


def expect(what, found, wanted):
    if found != wanted:
        raise AssertionError(f"{what} is {found!r}; {wanted!r} was expected")


def turn(knob, value):
    write(f"{BATTERY}/{knob}", value)


def told(uevents, name, action="change", **values):
    """A uevent of a supply has come, and says these values."""
    values = {f"POWER_SUPPLY_{k.upper()}": v for k, v in values.items()}

    def match(event):
        return (event.get("SUBSYSTEM") == "power_supply" and event.get("ACTION") == action and
                event["DEVPATH"].endswith("/" + name) and
                all(event.get(k) == v for k, v in values.items()))
    if not uevents.wait(match):
        raise AssertionError(f"no uevent: {action} of {name} with {values}")


def check_values(uevents):
    """Each value of the battery: set, read back through the class, told by a uevent."""
    for name, value, shown in [("capacity", 15, "15"), ("temp", 455, "455"), ("present", 0, "0"),
                               ("present", 1, "1"), ("current_now", -123456, "-123456"),
                               ("status", "Full", "Full"), ("status", "Not charging", "Not charging"),
                               ("capacity", 4000, "4000"), ("temp", -30000, "-30000")]:
        uevents.forget()
        turn(f"battery/{name}", value)
        expect(name, read(f"{SUPPLY}/vbattery/{name}"), shown)
        told(uevents, "vbattery", **{name: shown})
    expect("scope", read(f"{SUPPLY}/vbattery/scope"), "System")
    expect("type", read(f"{SUPPLY}/vbattery/type"), "Battery")
    expect("the charger's type", read(f"{SUPPLY}/vcharger/type"), "USB")


def check_status_follows(uevents):
    for name, value in [("status", "auto"), ("current_now", "auto"), ("capacity", 50), ("temp", 290)]:
        turn(f"battery/{name}", value)
    expect("status on the charger", read(f"{SUPPLY}/vbattery/status"), "Charging")
    uevents.forget()
    turn("charger/online", 0)
    expect("online", read(f"{SUPPLY}/vcharger/online"), "0")
    told(uevents, "vbattery", status="Discharging")
    expect("status without a charger", read(f"{SUPPLY}/vbattery/status"), "Discharging")
    turn("charger/online", 1)
    turn("battery/current_now", -200000)
    expect("status while it drains", read(f"{SUPPLY}/vbattery/status"), "Discharging")
    turn("battery/current_now", "auto")
    turn("battery/capacity", 100)
    expect("status when full", read(f"{SUPPLY}/vbattery/status"), "Full")
    turn("battery/capacity", 80)


def check_hotplug(uevents):
    """A new supply is first told of by a change: the class cannot read it yet when it is added."""
    uevents.forget()
    turn("charger2/attached", 1)
    told(uevents, "vcharger2", online="1")
    expect("the second charger", read(f"{SUPPLY}/vcharger2/online"), "1")
    turn("charger/online", 0)
    expect("status on the second charger", read(f"{SUPPLY}/vbattery/status"), "Charging")
    turn("charger2/attached", 0)
    told(uevents, "vcharger2", action="remove")
    expect("status without either", read(f"{SUPPLY}/vbattery/status"), "Discharging")
    turn("charger/online", 1)
    turn("battery/attached", 0)
    told(uevents, "vbattery", action="remove")
    expect("the battery's folder", os.path.exists(f"{SUPPLY}/vbattery"), False)
    turn("battery/attached", 1)
    told(uevents, "vbattery", capacity="80")


def fails(path, error):
    try:
        read(path)
    except OSError as e:
        expect(f"the error of {path}", e.errno, error)
    else:
        raise AssertionError(f"{path} can be read")


def check_broken_battery(_uevents):
    turn("battery/error", errno.EIO)
    fails(f"{SUPPLY}/vbattery/capacity", errno.EIO)
    turn("battery/error", 0)
    expect("capacity", read(f"{SUPPLY}/vbattery/capacity"), "80")


def check_quiet(uevents):
    turn("quiet", 1)
    time.sleep(0.3)
    uevents.forget()
    turn("battery/capacity", 33)
    heard = uevents.wait(lambda e: e.get("POWER_SUPPLY_NAME") == "vbattery", 1)
    expect("a uevent of a quiet battery", heard, None)
    turn("quiet", 0)
    told(uevents, "vbattery", capacity="33")
    turn("battery/capacity", 80)


def zone(name):
    for folder in glob.glob("/sys/class/thermal/thermal_zone*"):
        if read(f"{folder}/type") == name:
            return folder
    return None


def heard_trip(thermal, event, folder, what):
    ident = int(folder.rsplit("thermal_zone", 1)[1])
    if not thermal.wait(lambda m: m[0] == event and number(m[1][TZ_ID]) == ident):
        raise AssertionError(f"no thermal netlink event: {what} of {folder}")


def check_heat(thermal):
    trace = f"{TRACING}/events/thermal/thermal_zone_trip/enable"
    write(f"{TRACING}/trace", "")
    write(trace, 1)
    for name, hot, cool in [("vsoc", 96000, 45000), ("vskin", 41000, 31000)]:
        folder = zone(name)
        thermal.forget()
        write(f"{THERMAL}/{name}/temp", hot)
        expect(f"{name}'s temperature", read(f"{folder}/temp"), str(hot))
        heard_trip(thermal, EVENT_TRIP_UP, folder, "trip up")
        write(f"{THERMAL}/{name}/temp", cool)
        heard_trip(thermal, EVENT_TRIP_DOWN, folder, "trip down")
    write(trace, 0)
    if "thermal_zone=vsoc" not in read(f"{TRACING}/trace"):
        raise AssertionError("no thermal_zone_trip in the trace:\n" + read(f"{TRACING}/trace"))


def check_zone_goes(thermal):
    thermal.forget()
    write(f"{THERMAL}/vskin/attached", 0)
    expect("vskin", zone("vskin"), None)
    if not thermal.wait(lambda m: m[0] == EVENT_DELETE):
        raise AssertionError("no thermal netlink event: zone deleted")
    write(f"{THERMAL}/vskin/attached", 1)
    if not thermal.wait(lambda m: m[0] == EVENT_CREATE and text(m[1][TZ_NAME]) == "vskin"):
        raise AssertionError("no thermal netlink event: zone created")
    expect("its temperature", read(f"{zone('vskin')}/temp"), "31000")


def check_broken_zone(_thermal):
    write(f"{THERMAL}/vsoc/error", errno.EIO)
    fails(f"{zone('vsoc')}/temp", errno.EIO)
    write(f"{THERMAL}/vsoc/error", 0)
    write(f"{zone('vsoc')}/mode", "enabled")
    expect("its temperature", read(f"{zone('vsoc')}/temp"), "45000")


def main():
    for folder, module in [(BATTERY, "vbattery"), (THERMAL, "vthermal")]:
        if not os.path.isdir(folder):
            sys.exit(f"{module}.ko is not loaded")
    uevents, thermal = Uevents(), Family("thermal", ["event"])
    for check, listener in [(check_values, uevents), (check_status_follows, uevents),
                            (check_hotplug, uevents), (check_broken_battery, uevents),
                            (check_quiet, uevents), (check_heat, thermal),
                            (check_zone_goes, thermal), (check_broken_zone, thermal)]:
        print(check.__name__, flush=True)
        check(listener)


if __name__ == "__main__":
    main()
