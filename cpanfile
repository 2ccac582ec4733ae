# The Perl prerequisites, once: Build.PL reads this file too (perl/inc/Mesos/Build/Prerequisites.pm).

requires 'perl', '5.10.1';
requires 'AnyEvent';
requires 'Carp';
requires 'Getopt::Long', '2.36';
requires 'HTTP::Tiny', '0.058';
requires 'JSON::PP';
requires 'Module::Runtime';
requires 'Moo', '1.006000';
requires 'Scalar::Util';
requires 'Storable';
requires 'Time::HiRes';
requires 'Type::Tiny', '1.000000';
requires 'XSLoader';
requires 'namespace::autoclean', '0.16';

on configure => sub {
    requires 'JSON::PP';
    requires 'Module::Build', '0.4004';
};

on build => sub {
    requires 'ExtUtils::CBuilder';
    requires 'ExtUtils::ParseXS', '3.00';
    requires 'JSON::PP';
};

on test => sub {
    requires 'Test::More', '0.96';
    recommends 'Test::LeakTrace';
};

on develop => sub {
    requires 'Test::Pod';
    requires 'Test::Pod::Coverage';
    requires 'Perl::Critic';
};

feature 'async', 'Mesos::Async with async and await' => sub {
    requires 'Future';
    requires 'Future::AsyncAwait';
};

feature 'ev', 'AnyEvent on the fast event loop EV' => sub {
    requires 'EV';
};

feature 'interrupt', 'Mesos::Dispatcher::Interrupt: callbacks between two Perl statements' => sub {
    requires 'Async::Interrupt';
};

feature 'ioasync', 'Mesos::Dispatcher::IOAsync' => sub {
    requires 'IO::Async';
};

feature 'mojo', 'Mesos::Dispatcher::Mojo' => sub {
    requires 'Mojolicious';
};

feature 'https', 'https in Mesos::Client' => sub {
    requires 'IO::Socket::SSL', '1.968';
};

feature 'poe', 'Mesos::Dispatcher::POE' => sub {
    requires 'POE';
};
