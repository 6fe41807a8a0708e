data {
  int<lower=1> N;
  int<lower=1> groups;
  array[N] int<lower=0> group;
  vector[N] x;
  vector[N] y;
}
transformed data {
  array[N] int<lower=1> g;
  for (n in 1 : N) g[n] = group[n] + 1;
}
parameters {
  real mu_a;
  real mu_b;
  real<lower=0> tau_a;
  real<lower=0> tau_b;
  real<lower=0> sigma;
  vector[groups] eta_a;
  vector[groups] eta_b;
}
model {
  vector[groups] a = mu_a + tau_a * eta_a;
  vector[groups] b = mu_b + tau_b * eta_b;
  mu_a ~ normal(0, 5);
  mu_b ~ normal(0, 5);
  tau_a ~ std_normal();
  tau_b ~ std_normal();
  sigma ~ std_normal();
  eta_a ~ std_normal();
  eta_b ~ std_normal();
  y ~ normal(a[g] + b[g] .* x, sigma);
}
