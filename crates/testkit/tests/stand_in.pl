#!/usr/bin/perl
# Stands in for the executable `sluice` in the testkit's own tests: prints tokens, and otherwise answers every request
# with what it was asked. Perl is part of every Debian.
use IO::Socket::INET;
$| = 1;
if ($ARGV[0] eq 'token') { print "token-of-@ARGV[1..$#ARGV]\n"; exit 0 }
if ($ARGV[0] eq 'refuse') { print STDERR "setting gate.url: is not possible\n"; exit 2 }
my $door = IO::Socket::INET->new(LocalAddr => $ENV{SLUICE__LISTEN}, Listen => 16, ReuseAddr => 1) or die "listen: $!";
print STDERR "keys $ENV{SLUICE__GATE__KEY_PREFIX}, topics $ENV{SLUICE__BUS__TOPIC_PREFIX}\n" if $ENV{SLUICE__BUS__TOPIC_PREFIX};
print STDERR "open with window $ENV{SLUICE__ORDER__PAYMENT_WINDOW} and home '$ENV{HOME}'\n";
while (my $guest = $door->accept) {
    my ($method, $path) = split / /, <$guest>;
    my %header;
    while (my $line = <$guest>) {
        $line =~ s/\r?\n$//;
        last if $line eq '';
        my ($name, $value) = split /: /, $line, 2;
        $header{lc $name} = $value;
    }
    read $guest, my $body, $header{'content-length'} || 0;
    $body ||= 'null';
    my $headers = join ',', map { "\"$_\":\"$header{$_}\"" } sort keys %header;
    my $answer = "{\"method\":\"$method\",\"path\":\"$path\",\"headers\":{$headers},\"body\":$body}";
    print $guest "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: " . length($answer) . "\r\n\r\n$answer";
    close $guest;
}
